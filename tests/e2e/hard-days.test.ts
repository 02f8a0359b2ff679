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

/** Waits until these are all messages of the conversation in which one user wrote to another last. */
async function expectLog(world: World, to: string, from: string, texts: readonly string[]): Promise<void> {
  const client = await world.client(to);
  await expect.poll(() => client.status.synced, PATIENCE).toBe(true);
  const { timeline } = client.conversations.items.find(({ summary }) => summary.latest?.senderId === from)!;
  const end = timeline.subscribe(() => {});
  await expect.poll(() => timeline.messages.length, PATIENCE).toBeGreaterThan(0);
  while (timeline.hasOlder) await timeline.loadOlder();
  const shown = (): unknown[] => timeline.messages.flatMap(({ text }) => text ?? []);
  await expect.poll(shown, PATIENCE).toEqual(texts);
  end();
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

story(
  "the browser's quota is used up: the chat goes on in memory, says so, and loses nothing",
  async (world) => {
    const device = await world.device();
    const ana = await device.open();
    const tools = await toolsOf(ana);
    // Before anything is stored: how much room there is, Chromium looks up now and then only.
    const { origin } = device.gate;
    await tools.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 400_000 });
    await ana.logIn("Ana");
    await ana.startDirect("Bo");
    // Bo has never logged in, so nobody knows his name.
    await ana.waitUntilOpen("bo");
    await ana.get("memory-notice").waitFor({ state: "hidden" });
    await device.goOffline();
    const all: string[] = [];
    while (await ana.get("memory-notice").isHidden()) {
      all.push(`${all.length} ${"x".repeat(4_000)}`);
      await ana.send(all.at(-1)!);
      expect(all.length).toBeLessThan(500);
    }
    await device.goOnline();
    await ana.waitUntilAllSent();
    await expectLog(world, "Bo", "ana", all);
    // There is room again: the next start keeps what it gets, and sends nothing twice.
    await tools.send("Storage.overrideQuotaForOrigin", { origin });
    await ana.reload();
    await ana.get("memory-notice").waitFor({ state: "hidden" });
    await ana.send("there is room");
    await ana.waitUntilAllSent();
    await expectLog(world, "Bo", "ana", [...all, "there is room"]);
  },
);

story(
  "the page goes into the back/forward cache and comes back: it let its socket go, and misses nothing",
  async (world) => {
    const { device, ana, bo } = await openConversation(world);
    await ana.page.evaluate(() => {
      addEventListener("pageshow", ({ persisted }) => {
        document.documentElement.dataset["cameBack"] = String(persisted);
      });
    });
    // Another site, so that the browser keeps this page as it is.
    await ana.page.goto(`http://localhost:${world.server.port}/`);
    await expect.poll(() => device.gate.webSockets, PATIENCE).toBe(0);
    await bo.send("while you were away");
    await bo.waitUntilAllSent();
    await ana.page.goBack({ waitUntil: "commit" });
    await ana.expectTexts(["begin", "while you were away"]);
    expect(await ana.page.locator("html").getAttribute("data-came-back")).toBe("true");
    await ana.send("back again");
    for (const page of [ana, bo]) await page.expectTexts(["begin", "while you were away", "back again"]);
    expect(device.gate.webSockets).toBe(1);
  },
);

story(
  "the laptop sleeps for a night and hears of nothing: it finds out by its clocks alone",
  async (world) => {
    const { device, page: ana } = await world.person("Ana", {
      before: () => {
        let slept = 0;
        const [wall, monotonic] = [Date.now.bind(Date), performance.now.bind(performance)];
        Date.now = () => wall() + slept;
        performance.now = () => monotonic() + slept;
        addEventListener("slept", () => (slept += 8 * 3_600_000));
      },
    });
    const { page: bo } = await world.person("Bo");
    await ana.startDirect("Bo");
    await ana.waitUntilOpen("Bo");
    await ana.send("good night");
    await bo.openConversation("Ana");
    await bo.expectTexts(["good night"]);
    await ana.waitUntilAllSent();
    // No frame comes any more, and neither end of the connection is told.
    device.gate.swallowAnswers();
    await bo.send("good morning");
    await bo.waitUntilAllSent();
    await expect.poll(() => device.gate.swallowedBytes, PATIENCE).toBeGreaterThan(0);
    await ana.page.evaluate(() => dispatchEvent(new Event("slept")));
    // The old connection stays dumb; the next one works again.
    await expect
      .poll(() => ana.get("connection-status").getAttribute("data-connection"), PATIENCE)
      .toBe("connecting");
    device.gate.cut();
    await ana.expectTexts(["good night", "good morning"]);
    await ana.send("slept well");
    for (const page of [ana, bo]) await page.expectTexts(["good night", "good morning", "slept well"]);
    expect(device.gate.webSockets).toBe(1);
  },
);

story("logging out on a shared computer leaves nothing for who comes next", async (world) => {
  const { device, ana } = await openConversation(world);
  await ana.send("my secret");
  await ana.waitUntilAllSent();
  const second = await device.open();
  await second.waitUntilSynced();
  await ana.get("open-profile").click();
  await ana.get("log-out").click();
  await ana.get("login-name").waitFor();
  // The other tab is logged out with it.
  await expect.poll(() => device.gate.webSockets, PATIENCE).toBe(0);
  await second.close();
  const left = (): Promise<unknown> =>
    ana.page.evaluate(async () => ({
      databases: (await indexedDB.databases()).map(({ name }) => name),
      logins: Object.keys(localStorage).filter((key) => key.startsWith("login ")),
    }));
  await expect.poll(left, PATIENCE).toEqual({ databases: [], logins: [] });
  await ana.logIn("Cy");
  const names = (): Promise<string[]> => ana.get("conversation-name").allTextContents();
  await expect.poll(names, PATIENCE).not.toContain("Bo");
  await ana.waitUntilSynced();
  await expect.poll(() => ana.page.content(), PATIENCE).not.toContain("my secret");
});
