import { expect } from "vitest";
import { PATIENCE, type ChatPage } from "./world/chat-page.js";
import { story } from "./world/story.js";

const EACH = 24;

function texts(name: string): string[] {
  return Array.from({ length: EACH }, (_, index) => `${name} ${index + 1}`);
}

/** Waits until somebody has so many messages stored by the server. */
async function expectStored(page: ChatPage, count: number): Promise<void> {
  const stored = async (): Promise<number> =>
    (await page.messages()).filter(({ state }) => state === "stored").length;
  await expect.poll(stored, PATIENCE).toBeGreaterThanOrEqual(count);
}

story(
  "the server is killed while two users write: nothing is lost, nothing twice, one order",
  async (world) => {
    const ana = await world.person("Ana");
    const bo = await world.person("Bo");
    await ana.page.startDirect("Bo");
    await ana.page.waitUntilOpen("Bo");
    await bo.page.openConversation("Ana");

    const write = (page: ChatPage, name: string): Promise<void> => page.send(...texts(name));
    const writing = Promise.all([write(ana.page, "ana"), write(bo.page, "bo")]);
    await expectStored(ana.page, 3);
    await world.server.kill();
    await ana.page.expectBanner("shown");
    await bo.page.expectBanner("shown");
    await writing;
    const waiting = async (): Promise<number> =>
      (await ana.page.messages()).filter(({ state }) => state === "pending").length;
    expect(await waiting()).toBeGreaterThan(0);

    await world.server.start();
    await ana.page.expectBanner("hidden");
    await bo.page.expectBanner("hidden");
    await ana.page.waitUntilAllSent();
    await bo.page.waitUntilAllSent();

    await expect.poll(async () => (await ana.page.texts()).length, PATIENCE).toBe(2 * EACH);
    const order = await ana.page.texts();
    expect(order.filter((text) => text.startsWith("ana"))).toEqual(texts("ana"));
    expect(order.filter((text) => text.startsWith("bo"))).toEqual(texts("bo"));
    await bo.page.expectTexts(order);

    await Promise.all([ana.page.reload(), bo.page.reload()]);
    await ana.page.expectTexts(order);
    await bo.page.expectTexts(order);
    await ana.page.expectStates(Array<string>(EACH).fill("stored"));
  },
);
