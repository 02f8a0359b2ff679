import type { CDPSession } from "playwright-core";
import type { ChatPage } from "./world/chat-page.js";
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
