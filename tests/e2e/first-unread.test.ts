import { expect } from "vitest";
import { PATIENCE } from "./world/chat-page.js";
import { findBarriers } from "./world/find-barriers.js";
import { story } from "./world/story.js";

const READ = 30;
const UNREAD = 230;

for (const look of [
  { form: "desktop", colorScheme: "dark" },
  { form: "phone", colorScheme: "light" },
] as const) {
  const name = `${look.form} ${look.colorScheme}`;

  story(`one click leads to the first unread message, ${name}`, async (world) => {
    const writer = await world.client("Writer");
    const { page } = await world.person("Ana", look);
    const group = await writer.conversations.createGroup({ name: "Archive", members: ["ana"] });
    const say = async (from: number, to: number): Promise<void> => {
      const sent = [];
      for (let number = from; number <= to; number++) sent.push(await group.send(`Line ${number}`));
      await Promise.all(sent.map(({ stored }) => stored));
    };
    await say(1, READ);
    await page.openConversation("Archive");
    await expect.poll(() => group.timeline.messages.at(-1)?.status, PATIENCE).toBe("read");
    if (look.form === "phone") await page.get("back").click();
    else await page.startDirect("Writer");

    await say(READ + 1, READ + UNREAD);
    await page.openConversation("Archive");
    const jump = page.get("jump-unread");
    await jump.filter({ hasText: `${UNREAD} unread messages` }).waitFor();
    await page.picture(`${name} unread 1 offered`);
    expect(await findBarriers(page.page)).toEqual([]);
    await page.expectFits();
    await jump.click();
    await jump.waitFor({ state: "hidden" });
    const line = page.get("unread-line");
    await line.waitFor();
    const [after, top] = await line.evaluate((node) => [
      node.nextElementSibling?.querySelector("[data-testid=message-text]")?.textContent,
      node.getBoundingClientRect().top - document.getElementById("scroller")!.getBoundingClientRect().top,
    ]);
    expect(after).toBe(`Line ${READ + 1}`);
    expect(top).toBeGreaterThanOrEqual(0);
    expect(top).toBeLessThan(200);
    await page.picture(`${name} unread 2 there`);

    // It stays there while more comes, and the way back is one click, too.
    await say(READ + UNREAD + 1, READ + UNREAD + 1);
    await page.get("new-messages").waitFor();
    expect(await line.isVisible()).toBe(true);
    await page.get("new-messages").click();
    await page.get("new-messages").waitFor({ state: "hidden" });
    expect((await page.texts()).at(-1)).toBe(`Line ${READ + UNREAD + 1}`);
    expect(await jump.isVisible()).toBe(false);
  });
}
