import { expect } from "vitest";
import type { DeviceOptions } from "./world/device.js";
import { story } from "./world/story.js";

const settings: Readonly<Record<string, DeviceOptions>> = {
  "on a desktop": { form: "desktop" },
  "on a phone": { form: "phone" },
  "where no WebSocket gets through": { refusesWebSockets: true },
};

for (const [where, options] of Object.entries(settings)) {
  story(`two users talk, ${where}: both see every message in order`, async (world) => {
    const ana = await world.person("Ana", options);
    const bo = await world.person("Bo", options);

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
    // A POST waits for the answer to the one before it, if only that she is typing; a WebSocket does not.
    if (options.refusesWebSockets !== true)
      await bo.page.expectTexts(["Hello Bo", "Hello Ana", "How are you?", "Fine", "and you?"]);
    expect(await ana.page.get("connection-status").getAttribute("data-pending")).toBe("2");
    ana.device.gate.releaseAnswers();
    await ana.page.expectStates(["stored", "stored", "stored"]);
    await ana.page.waitUntilAllSent();

    const all = ["Hello Bo", "Hello Ana", "How are you?", "Fine", "and you?"];
    await ana.page.expectTexts(all);
    await bo.page.expectTexts(all);
    for (const { device } of [ana, bo]) {
      expect(device.gate.refusedWebSockets > 0).toBe(options.refusesWebSockets === true);
    }
  });
}
