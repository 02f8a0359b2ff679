import { expect } from "vitest";
import { PATIENCE } from "./world/chat-page.js";
import { story } from "./world/story.js";

const NAME = `<img src=x onerror=alert(1)>`;
const GROUP = `"><script>alert("group")</script>`;
const TEXTS = [
  `<script>alert("text")</script>`,
  `<img src="/nowhere" onerror="alert('text')"><b>bold</b>`,
  `javascript:alert(1) &lt;i&gt; &amp; \${alert(1)} {{alert(1)}} ' OR 1=1; --`,
  "שלום, this runs the other way \u202Eevil\u202C!",
  "hi \u202Egnp",
  "שלום",
  "👩‍👩‍👧‍👦 🏳️‍🌈 Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘",
  "w".repeat(1_000),
  "😀".repeat(4_096),
  "first line\n\n    second <br> line\n\ttabbed",
];

/** The messages whose time lies over their words, or beside their bubble. Runs in the page. */
function badlyTimed(messages: readonly Element[]): string[] {
  return messages.flatMap((message) => {
    const text = message.querySelector("[data-testid=message-text]")!;
    const time = message.querySelector("time")!.getBoundingClientRect();
    const words = document.createRange();
    words.selectNodeContents(text);
    const covers = [...words.getClientRects()].some(
      ({ left, right, top, bottom }) =>
        right > time.left + 1 && left < time.right - 1 && bottom > time.top + 6 && top < time.bottom - 6,
    );
    const bubble = text.parentElement!.getBoundingClientRect();
    return covers || time.left < bubble.left || time.right > bubble.right ? [text.textContent ?? ""] : [];
  });
}

story("whatever somebody is called or writes is shown as text, and fits the screen", async (world) => {
  const villain = await world.person(NAME);
  const ana = await world.person("Ana", { form: "phone" });
  await villain.page.createGroup(GROUP, "ana");
  await villain.page.send(...TEXTS);
  await villain.page.waitUntilAllSent();

  await ana.page.openConversation(GROUP);
  for (const { page } of [villain, ana]) {
    await page.expectTexts(TEXTS);
    const made = page.page.locator("#message-list, #conversation-list, #conversation-title");
    expect(await made.locator("script, img, b, i, br").count()).toBe(0);
    await page.expectFits();
    expect(await page.get("message").evaluateAll(badlyTimed)).toEqual([]);
  }
  expect(await ana.page.get("sender").first().textContent()).toBe(NAME);
  await expect.poll(() => ana.page.get("conversation-title").textContent(), PATIENCE).toBe(GROUP);
  await ana.page.get("event").filter({ hasText: NAME }).waitFor();
  const hebrew = ana.page.get("message-text").filter({ hasText: "שלום, this" });
  expect(await hebrew.evaluate((node) => getComputedStyle(node).direction)).toBe("rtl");
  await ana.page.picture("hostile-phone");
  await villain.page.picture("hostile-desktop");

  // One character too many is refused with a sentence, and stays where it was written.
  await villain.page.send("x".repeat(4_097));
  await expect
    .poll(() => villain.page.get("composer-error").textContent(), PATIENCE)
    .toContain("4096 characters");
  expect(await villain.page.get("composer").inputValue()).toHaveLength(4_097);
  await villain.page.send("Enough");
  await ana.page.expectTexts([...TEXTS, "Enough"]);
  await ana.page.reload();
  await ana.page.expectTexts([...TEXTS, "Enough"]);
});
