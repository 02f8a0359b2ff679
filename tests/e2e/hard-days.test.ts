import type { CDPSession } from "playwright-core";
import { expect } from "vitest";
import { type ChatPage, PATIENCE } from "./world/chat-page.js";
import type { Device } from "./world/device.js";
import { story } from "./world/story.js";
import type { World } from "./world/world.js";

async function openConversation(world: World): Promise<{ device: Device; ana: ChatPage; bo: ChatPage }> {
  const { device, page: ana } = await world.person("Ana");
  const { page: bo } = await world.person("Bo");
  await ana.startDirect("Bo");
  await ana.waitUntilOpen("Bo");
  await ana.send("begin");
  await bo.openConversation("Ana");
  await bo.expectTexts(["begin"]);
  await ana.get("memory-notice").waitFor({ state: "hidden" });
  return { device, ana, bo };
}

function toolsOf({ page }: ChatPage): Promise<CDPSession> {
  return page.context().newCDPSession(page);
}

function databases({ page }: ChatPage): Promise<number> {
  return page.evaluate(async () => (await indexedDB.databases()).length);
}

function heldLocks({ page }: ChatPage): Promise<number> {
  return page.evaluate(async () => (await navigator.locks.query()).held!.length);
}

story("the disk is full: the page says that nothing is kept, and loses nothing", async (world) => {
  const { device, ana, bo } = await openConversation(world);
  const tools = await toolsOf(ana);
  await tools.send("Storage.overrideQuotaForOrigin", { origin: device.gate.origin, quotaSize: 1_024 });
  const long = "x".repeat(2_000);
  await ana.send(long, "after it");
  await ana.get("memory-notice").waitFor();
  const all = ["begin", long, "after it"];
  for (const page of [ana, bo]) await page.expectTexts(all);
  await bo.send("all here");
  await ana.expectTexts([...all, "all here"]);
  // With room again, the next visit keeps things as before.
  await tools.send("Storage.overrideQuotaForOrigin", { origin: device.gate.origin });
  await ana.reload();
  await ana.get("memory-notice").waitFor({ state: "hidden" });
  await ana.expectTexts([...all, "all here"]);
});

story("the browser evicts the storage under the page: what waited in it is sent once", async (world) => {
  const { device, ana, bo } = await openConversation(world);
  await device.goOffline();
  await ana.send("waits");
  await ana.expectTexts(["begin", "waits"]);
  const tools = await toolsOf(ana);
  await tools.send("Storage.clearDataForOrigin", { origin: device.gate.origin, storageTypes: "indexeddb" });
  await ana.send("waits too");
  await ana.get("memory-notice").waitFor();
  await device.goOnline();
  for (const page of [ana, bo]) await page.expectTexts(["begin", "waits", "waits too"]);
});

story("logging out on a shared computer leaves nothing, in no tab", async (world) => {
  const { device, ana, bo } = await openConversation(world);
  const second = await device.open();
  await second.waitUntilSynced();
  await second.openConversation("Bo");
  await second.expectTexts(["begin"]);
  expect(await databases(second)).toBe(1);
  await device.goOffline();
  await second.send("never sent");
  await ana.expectTexts(["begin", "never sent"]);
  await second.get("log-out").click();
  for (const page of [ana, second]) await page.get("login-name").waitFor();
  await expect.poll(() => databases(ana), PATIENCE).toBe(0);
  expect(await heldLocks(ana)).toBe(0);
  await device.goOnline();
  await ana.logIn("Ana");
  await ana.openConversation("Bo");
  await ana.expectTexts(["begin"]);
  await bo.expectTexts(["begin"]);
});

story(
  "a page that is put away lets socket and lock go, and another tab leads; it follows when it is back",
  async (world) => {
    const { device, ana, bo } = await openConversation(world);
    const second = await device.open();
    await second.waitUntilSynced();
    await second.openConversation("Bo");
    const turn = (event: "pagehide" | "pageshow"): Promise<boolean> =>
      ana.page.evaluate((type) => dispatchEvent(new PageTransitionEvent(type, { persisted: true })), event);
    await turn("pagehide");
    await second.send("from the second");
    await bo.expectTexts(["begin", "from the second"]);
    await turn("pageshow");
    await ana.expectTexts(["begin", "from the second"]);
    await ana.send("from the first");
    for (const page of [ana, second, bo])
      await page.expectTexts(["begin", "from the second", "from the first"]);
    expect(await heldLocks(ana)).toBe(1);
    // Alone, it has nobody to lead meanwhile: nothing is held at all.
    await second.close();
    await ana.waitUntilSynced();
    await turn("pagehide");
    await expect.poll(() => heldLocks(ana), PATIENCE).toBe(0);
    await bo.send("while it is away");
    await turn("pageshow");
    await ana.expectTexts(["begin", "from the second", "from the first", "while it is away"]);
  },
);
