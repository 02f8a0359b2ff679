import { expect } from "vitest";
import type { ChatPage } from "./world/chat-page.js";
import { PATIENCE } from "./world/chat-page.js";
import type { Device } from "./world/device.js";
import { story } from "./world/story.js";
import type { World } from "./world/world.js";

/** Before the page's own scripts: it tells how many of its sockets are open, and can be kept from hearing that it is frozen. */
function watchSockets(): void {
  const page = globalThis as unknown as { openSockets: number };
  page.openSockets = 0;
  const Native = WebSocket;
  globalThis.WebSocket = class extends Native {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      this.addEventListener("open", () => {
        page.openSockets++;
        this.addEventListener("close", () => page.openSockets--);
      });
    }
  };
  for (const event of ["freeze", "resume"]) {
    document.addEventListener(event, (fired) => fired.stopImmediatePropagation(), true);
  }
}

/** How many sockets each tab has open. */
function sockets(tabs: readonly ChatPage[]): Promise<number[]> {
  return Promise.all(
    tabs.map(({ page }) =>
      page.evaluate(() => (globalThis as unknown as { openSockets: number }).openSockets),
    ),
  );
}

/** Ana with several tabs, and Bo, all in their conversation. */
async function openTabs(
  world: World,
  count: number,
): Promise<{ device: Device; tabs: ChatPage[]; bo: ChatPage }> {
  const { device, page } = await world.person("Ana", { before: watchSockets });
  const { page: bo } = await world.person("Bo");
  await page.startDirect("Bo");
  await page.waitUntilOpen("Bo");
  await page.send("begin");
  await bo.openConversation("Ana");
  const tabs = [page];
  while (tabs.length < count) {
    const tab = await device.open();
    await tab.waitUntilSynced();
    await tab.openConversation("Bo");
    tabs.push(tab);
  }
  for (const tab of [...tabs, bo]) await tab.expectTexts(["begin"]);
  return { device, tabs, bo };
}

async function expectOneSocket(tabs: readonly ChatPage[]): Promise<void> {
  const all = async (): Promise<number> => (await sockets(tabs)).reduce((sum, count) => sum + count, 0);
  await expect.poll(all, { ...PATIENCE, message: "sockets" }).toBe(1);
}

/** Takes the tab that leads out of the list: the one that has the socket. */
async function takeLeader(tabs: ChatPage[]): Promise<ChatPage> {
  await expectOneSocket(tabs);
  const [leader] = tabs.splice((await sockets(tabs)).indexOf(1), 1);
  return leader!;
}

story("two tabs are one device: one socket, the same on both screens, no message twice", async (world) => {
  const { device, tabs, bo } = await openTabs(world, 2);
  await expectOneSocket(tabs);
  for (const tab of tabs) await tab.get("memory-notice").waitFor({ state: "hidden" });
  await Promise.all([
    tabs[0]!.send("a1", "a2", "a3"),
    tabs[1]!.send("b1", "b2", "b3"),
    bo.send("c1", "c2", "c3"),
  ]);
  await expect.poll(async () => (await bo.texts()).length, PATIENCE).toBe(10);
  const order = await bo.texts();
  for (const who of ["a", "b", "c"]) {
    const own = order.filter((text) => /\d/.test(text) && text.startsWith(who));
    expect(own).toEqual([1, 2, 3].map((number) => `${who}${number}`));
  }
  for (const tab of tabs) await tab.expectTexts(order);

  // Offline, what one of them writes is on the other at once.
  await device.goOffline();
  await tabs[1]!.send("in the tunnel");
  await tabs[0]!.expectTexts([...order, "in the tunnel"]);
  await device.goOnline();
  await bo.expectTexts([...order, "in the tunnel"]);
  for (const tab of tabs) await tab.waitUntilAllSent();
  await expectOneSocket(tabs);
});

story("of five tabs the leading one is closed, reloaded, crashed: another one goes on", async (world) => {
  const { tabs, bo } = await openTabs(world, 5);
  const all = ["begin"];
  const say = async (tab: ChatPage, text: string): Promise<void> => {
    await tab.send(text);
    all.push(text);
    for (const page of [...tabs, bo]) await page.expectTexts(all);
    await expectOneSocket(tabs);
  };
  await say(tabs[3]!, "all five");

  const closing = await takeLeader(tabs);
  await closing.close();
  await say(tabs[3]!, "the leading one is closed");

  const reloaded = await takeLeader(tabs);
  tabs.push(reloaded);
  await reloaded.reload();
  await say(reloaded, "the next one is reloaded");

  const crashing = await takeLeader(tabs);
  const session = await crashing.page.context().newCDPSession(crashing.page);
  const crashed = crashing.page.waitForEvent("crash");
  // What crashes answers nothing more.
  session.send("Page.crash").catch(() => {});
  // Somebody writes in the same moment.
  await Promise.all([crashed, tabs[1]!.send("while it crashes")]);
  all.push("while it crashes");
  // Between two tabs no order is promised.
  for (const page of [...tabs, bo]) await page.expectTexts(all);
  await say(tabs[2]!, "the third is crashed");

  for (const tab of tabs.splice(1)) await tab.close();
  await say(tabs[0]!, "alone");
});

story(
  "the leading tab is frozen and does not hear of it: another one takes over, and it does no harm when it thaws",
  async (world) => {
    const { tabs, bo } = await openTabs(world, 2);
    const [leading, other] = tabs as [ChatPage, ChatPage];
    const session = await leading.page.context().newCDPSession(leading.page);
    await session.send("Page.setWebLifecycleState", { state: "frozen" });
    await other.send("while it is frozen");
    await bo.expectTexts(["begin", "while it is frozen"]);
    await bo.send("answered");
    await other.expectTexts(["begin", "while it is frozen", "answered"]);
    await session.send("Page.setWebLifecycleState", { state: "active" });
    await leading.send("thawed");
    for (const page of [leading, other, bo])
      await page.expectTexts(["begin", "while it is frozen", "answered", "thawed"]);
    await expectOneSocket(tabs);
  },
);
