import { expect } from "vitest";
import { PATIENCE, type ChatPage } from "./world/chat-page.js";
import { story } from "./world/story.js";

const COUNT = 300;

/** Goes to the first message that is there. @returns where on the screen it is then */
function scrollToFirst(page: ChatPage): Promise<number> {
  return page.page.evaluate(() => {
    const scroller = document.getElementById("scroller");
    if (scroller) scroller.scrollTop = 0;
    const first = document.querySelector("[data-testid=message]");
    return first?.getBoundingClientRect().top ?? NaN;
  });
}

function topOf(page: ChatPage, text: string): Promise<number> {
  const message = page.get("message").filter({ has: page.page.getByText(text, { exact: true }) });
  return message.evaluate((node) => node.getBoundingClientRect().top);
}

story(
  "older history comes while one scrolls up: in order, and what is read stays in place",
  async (world) => {
    const texts = Array.from({ length: COUNT }, (_, index) => `Line ${index + 1} of a long conversation`);
    const writer = await world.client("Writer");
    await world.client("Ana");
    const group = await writer.conversations.createGroup({ name: "Archive", members: ["ana"] });
    const sent = await Promise.all(texts.map((text) => group.send(text)));
    await Promise.all(sent.map(({ stored }) => stored));

    const { page } = await world.person("Ana");
    await page.openConversation("Archive");
    await expect.poll(async () => (await page.texts()).at(-1), PATIENCE).toBe(texts.at(-1));
    await page
      .get("message")
      .filter({ hasText: `Line ${COUNT} ` })
      .waitFor();
    const atEnd = await page
      .get("message")
      .last()
      .evaluate((node) => {
        const box = document.getElementById("scroller")?.getBoundingClientRect();
        return box !== undefined && node.getBoundingClientRect().bottom <= box.bottom;
      });
    expect(atEnd, "the newest message is in sight").toBe(true);

    let loads = 0;
    for (let shown = await page.texts(); shown.length < COUNT; shown = await page.texts()) {
      const [first = ""] = shown;
      const top = await scrollToFirst(page);
      await expect.poll(async () => (await page.texts()).length, PATIENCE).toBeGreaterThan(shown.length);
      // To be settled is to be where it was, and to stay there.
      await expect.poll(async () => Math.abs((await topOf(page, first)) - top), PATIENCE).toBeLessThan(2);
      expect(await page.texts()).toEqual(texts.slice(-(await page.texts()).length));
      loads += 1;
    }
    expect(loads).toBeGreaterThanOrEqual(2);
    await page.expectTexts(texts);
    // The line that tells who began is older still.
    await scrollToFirst(page);
    await page.get("event").waitFor();
    await page.get("load-older").waitFor({ state: "hidden" });
    await page.picture("older-history");

    // What comes now does not move who reads old lines; one click leads there.
    const before = await page.page.evaluate(() => document.getElementById("scroller")?.scrollTop);
    await group.send("And one more");
    await page.get("new-messages").waitFor();
    expect(await page.page.evaluate(() => document.getElementById("scroller")?.scrollTop)).toBe(before);
    await page.get("new-messages").click();
    await page.get("new-messages").waitFor({ state: "hidden" });
    await page.expectTexts([...texts, "And one more"]);
  },
);
