import { expect } from "vitest";
import { PATIENCE, type ChatPage } from "./world/chat-page.js";
import { story } from "./world/story.js";

/** Presses Tab until an element has the focus, as somebody does who sees where it is. */
async function tabTo(page: ChatPage, selector: string): Promise<void> {
  for (let presses = 0; presses < 20; presses++) {
    if (await page.page.locator(`${selector}:focus`).count()) return;
    await page.page.keyboard.press("Tab");
  }
  throw new Error(`The Tab key does not lead to ${selector}.`);
}

story(
  "with the keyboard alone one logs in, begins a chat, chooses a conversation and writes",
  async (world) => {
    const { page: bo } = await world.person("Bo");
    const device = await world.device();
    const page = await device.open();
    const { keyboard } = page.page;

    await page.page.locator("#login-name:focus").waitFor();
    await keyboard.type("Ana");
    await keyboard.press("Enter");
    await page.waitUntilSynced();

    await tabTo(page, "#new-direct");
    await keyboard.press("Enter");
    await page.page.locator("#direct-name:focus").waitFor();
    await keyboard.type("Bo");
    await keyboard.press("Enter");
    await page.waitUntilOpen("Bo");
    await page.page.locator("#composer:focus").waitFor();
    await keyboard.type("No mouse");
    await keyboard.press("Shift+Enter");
    await keyboard.type("here");
    await keyboard.press("Enter");
    await bo.openConversation("Ana");
    await bo.expectTexts(["No mouse\nhere"]);

    // Another conversation, and back.
    await tabTo(page, "#conversation-list a");
    await keyboard.press("End");
    await keyboard.press("Enter");
    await expect.poll(() => page.get("conversation-title").textContent(), PATIENCE).not.toBe("Bo");
    await tabTo(page, "#conversation-list a");
    await keyboard.press("Home");
    await keyboard.press("Enter");
    await page.waitUntilOpen("Bo");
    await page.page.locator("#composer:focus").waitFor();
    await keyboard.type("Back again");
    await keyboard.press("Enter");
    await bo.expectTexts(["No mouse\nhere", "Back again"]);

    // A dialog gives the focus back.
    await tabTo(page, "#new-group");
    await keyboard.press("Enter");
    await page.page.locator("#group-name:focus").waitFor();
    await keyboard.press("Escape");
    await page.page.locator("#new-group:focus").waitFor();
  },
);

story("a screen reader finds landmarks, names, states and what is new", async (world) => {
  const ana = await world.person("Ana");
  const bo = await world.person("Bo");
  await ana.page.startDirect("Bo");
  await ana.page.waitUntilOpen("Bo");
  await ana.page.send("Hello");
  const { page } = ana.page;

  expect(await page.locator("html").getAttribute("lang")).toBe("en");
  await page.getByRole("navigation", { name: "Conversations" }).waitFor();
  await page.getByRole("main", { name: "Bo" }).waitFor();
  await page.getByRole("textbox", { name: "Message" }).waitFor();
  for (const name of ["Send", "New chat with one person", "New group", /your profile/, "Work offline"]) {
    await page.getByRole("button", { name }).waitFor();
  }
  await page
    .getByRole("listitem")
    .getByRole("link", { name: /Bo/ })
    .and(page.locator("[aria-current=page]"))
    .waitFor();
  await page.getByRole("log", { name: "Messages" }).getByRole("img", { name: "Delivered" }).waitFor();

  // News are read out, and history is not: the log is not busy when a message comes.
  const log = page.getByRole("log", { name: "Messages" });
  expect(await log.getAttribute("aria-live")).toBe("polite");
  await bo.page.openConversation("Ana");
  await bo.page.send("Hello too");
  await ana.page.expectTexts(["Hello", "Hello too"]);
  await expect.poll(() => log.getAttribute("aria-busy"), PATIENCE).toBe("false");

  // That the connection is gone is told too, and what waits is named.
  const status = page.getByRole("status").filter({ hasText: "No connection" });
  ana.device.gate.close();
  await ana.page.send("Anybody?");
  await status.waitFor();
  await log.getByRole("img", { name: "Waiting to be sent" }).waitFor();
  ana.device.gate.open();
  await status.waitFor({ state: "hidden" });
  await expect.poll(() => log.getByRole("img", { name: "Read" }).count(), PATIENCE).toBe(2);
});
