import { expect } from "vitest";
import { PATIENCE } from "./world/chat-page.js";
import { story } from "./world/story.js";

story(
  "the acknowledgement is lost and the line is cut: the message is there once, on both sides",
  async (world) => {
    const ana = await world.person("Ana");
    const bo = await world.person("Bo");
    await ana.page.startDirect("Bo");
    await ana.page.waitUntilOpen("Bo");
    await ana.page.send("before");
    await ana.page.waitUntilAllSent();
    await bo.page.openConversation("Ana");

    const { gate } = ana.device;
    gate.swallowAnswers();
    await ana.page.send("lost answer", "lost answer too");
    // Stored, since Bo has them; but Ana does not know.
    await bo.page.expectTexts(["before", "lost answer", "lost answer too"]);
    await expect.poll(() => gate.swallowedBytes, PATIENCE).toBeGreaterThan(0);
    await ana.page.expectStates(["stored", "pending", "pending"]);

    gate.cut();
    await ana.page.waitUntilAllSent();
    await ana.page.send("after");
    const all = ["before", "lost answer", "lost answer too", "after"];
    await bo.page.expectTexts(all);
    await ana.page.expectTexts(all);
    await ana.page.expectStates(["stored", "stored", "stored", "stored"]);

    await Promise.all([ana.page.reload(), bo.page.reload()]);
    await ana.page.expectTexts(all);
    await bo.page.expectTexts(all);
  },
);
