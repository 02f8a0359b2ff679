import { expect } from "vitest";
import type { DeviceOptions } from "./world/device.js";
import { story } from "./world/story.js";

for (const form of ["desktop", "phone"] satisfies DeviceOptions["form"][]) {
  story(`two users talk, on a ${form}: both see every message in order`, async (world) => {
    const ana = await world.person("Ana", { form });
    const bo = await world.person("Bo", { form });

    await ana.page.startDirect("Bo");
    await ana.page.waitUntilOpen("Bo");
    await ana.page.send("Hello Bo");
    await bo.page.openConversation("Ana");
    await bo.page.expectTexts(["Hello Bo"]);
    await bo.page.send("Hello Ana", "How are you?");
    await ana.page.expectTexts(["Hello Bo", "Hello Ana", "How are you?"]);

    // What she writes is on her screen before the server knows.
    ana.device.gate.holdAnswers();
    await ana.page.send("Fine", "and you?");
    await ana.page.expectStates(["stored", "pending", "pending"]);
    await bo.page.expectTexts(["Hello Bo", "Hello Ana", "How are you?", "Fine", "and you?"]);
    expect(await ana.page.get("connection-status").getAttribute("data-pending")).toBe("2");
    ana.device.gate.releaseAnswers();
    await ana.page.expectStates(["stored", "stored", "stored"]);
    await ana.page.waitUntilAllSent();

    const all = ["Hello Bo", "Hello Ana", "How are you?", "Fine", "and you?"];
    await ana.page.expectTexts(all);
    expect(await bo.page.texts()).toEqual(all);
  });
}
