import { expect } from "vitest";
import { PATIENCE, type ChatPage } from "./world/chat-page.js";
import { findBarriers } from "./world/find-barriers.js";
import { story } from "./world/story.js";

async function openSettings(page: ChatPage): Promise<void> {
  await page.get("open-conversation-settings").click();
  await page.get("close-conversation-settings").waitFor();
}

async function closeSettings(page: ChatPage): Promise<void> {
  await page.get("close-conversation-settings").click();
  await page.get("close-conversation-settings").waitFor({ state: "hidden" });
}

function subtitle(page: ChatPage): Promise<string | null> {
  return page.page.locator("#conversation-subtitle").textContent();
}

for (const look of [
  { form: "desktop", colorScheme: "light" },
  { form: "phone", colorScheme: "dark" },
] as const) {
  const name = `${look.form} ${look.colorScheme}`;

  story(`who is blocked reaches nobody, until they are unblocked, ${name}`, async (world) => {
    const { page: ana } = await world.person("Ana", look);
    const { page: bo } = await world.person("Bo");
    await ana.createGroup("Lunch", "Bo");
    await bo.openConversation("Lunch");
    await ana.startDirect("Bo");
    await ana.waitUntilOpen("Bo");
    await bo.openConversation("Ana");
    await bo.send("Hello");
    await ana.expectTexts(["Hello"]);
    await expect.poll(() => subtitle(ana), PATIENCE).toBe("Online");

    await openSettings(ana);
    await ana.picture(`${name} privacy 1 a conversation`);
    expect(await findBarriers(ana.page)).toEqual([]);
    await ana.get("block").press("Enter");
    await expect.poll(() => ana.get("block").textContent(), PATIENCE).toBe("Unblock Bo");
    await closeSettings(ana);
    await expect
      .poll(() => ana.get("cannot-write").textContent(), PATIENCE)
      .toContain("You have blocked Bo.");
    await expect.poll(() => ana.get("composer").isVisible(), PATIENCE).toBe(false);
    await ana.picture(`${name} privacy 2 blocked`);
    expect(await findBarriers(ana.page)).toEqual([]);

    // Of what Bo writes now nothing comes: neither that he does, nor the message.
    await bo.get("composer").pressSequentially("Are you");
    await bo.send("Are you there?");
    await bo.expectStates(["stored", "failed"]);
    await expect
      .poll(() => bo.get("message").last().textContent(), PATIENCE)
      .toContain("They take no messages of yours.");
    await expect.poll(() => subtitle(bo), PATIENCE).not.toBe("Online");
    await bo.openConversation("Lunch");
    await bo.send("Soup?", "Or salad?");
    const lunch = ana.conversation("Lunch");
    await expect.poll(() => lunch.getAttribute("data-new"), PATIENCE).toBe("true");
    expect(await subtitle(ana)).toBe("Offline");
    await ana.reload();
    await ana.expectTexts(["Hello"]);
    await expect
      .poll(() => ana.get("cannot-write").textContent(), PATIENCE)
      .toContain("You have blocked Bo.");

    // In a group all are heard, and what is not wanted is folded.
    if (look.form === "phone") await ana.get("back").click();
    await ana.openConversation("Lunch");
    await expect
      .poll(() => ana.get("folded").allTextContents(), PATIENCE)
      .toEqual(["2 messages of people whom you have blocked"]);
    await ana.expectTexts([]);
    await ana.get("open-members").click();
    const block = ana.get("block-member").and(ana.page.getByLabel("Block Bo"));
    await expect.poll(() => block.getAttribute("aria-pressed"), PATIENCE).toBe("true");
    await ana.picture(`${name} privacy 3 folded`);
    expect(await findBarriers(ana.page)).toEqual([]);

    await block.click();
    await ana.get("close-members").click();
    await ana.expectTexts(["Soup?", "Or salad?"]);
    await bo.openConversation("Ana");
    await bo.get("retry").last().click();
    await bo.expectStates(["stored", "stored"]);
    if (look.form === "phone") await ana.get("back").click();
    await ana.openConversation("Bo");
    await ana.expectTexts(["Hello", "Are you there?"]);
    await expect.poll(() => subtitle(ana), PATIENCE).toBe("Online");
  });

  story(`who tells nothing is not seen to write or to read, ${name}`, async (world) => {
    const { page: ana } = await world.person("Ana", look);
    const { page: bo } = await world.person("Bo");
    const status = (): Promise<string | null> =>
      bo.get("message").last().getByTestId("message-state").getAttribute("aria-label");
    await ana.createGroup("Lunch", "Bo");
    await ana.startDirect("Bo");
    await ana.waitUntilOpen("Bo");
    await bo.openConversation("Ana");

    if (look.form === "phone") await ana.get("back").click();
    await ana.get("open-profile").click();
    await ana.get("tell-typing").press("Space");
    await ana.get("tell-read-receipts").click();
    const isSet = async (): Promise<boolean[]> =>
      Promise.all(["tell-typing", "tell-read-receipts"].map((id) => ana.get(id).isChecked()));
    await ana.picture(`${name} privacy 4 nothing told`);
    expect(await findBarriers(ana.page)).toEqual([]);
    await ana.reload();
    await ana.get("open-profile").click();
    await expect.poll(isSet, PATIENCE).toEqual([false, false]);
    await ana.page.keyboard.press("Escape");

    await bo.send("one");
    await ana.openConversation("Bo");
    await ana.expectTexts(["one"]);
    await expect.poll(status, PATIENCE).toBe("Delivered");
    await ana.get("composer").pressSequentially("tw");
    // What is told in another conversation comes, and nothing has come before it.
    if (look.form === "phone") await ana.get("back").click();
    await ana.openConversation("Lunch");
    await openSettings(ana);
    await ana.get("tell-typing-here").selectOption({ label: "Yes" });
    await ana.get("tell-read-receipts-here").selectOption("true");
    await closeSettings(ana);
    await ana.send("Soup");
    await bo.conversation("Lunch").getByTestId("new-mark").waitFor();
    expect(await subtitle(bo)).toBe("Online");
    expect(await status()).toBe("Delivered");
    await bo.openConversation("Lunch");
    await ana.get("composer").pressSequentially("u");
    await expect.poll(() => subtitle(bo), PATIENCE).toContain("typing…");
    await bo.send("Or salad?");
    await expect.poll(status, PATIENCE).toBe("Read");

    // Also after a reload, and as everywhere again.
    await ana.reload();
    await ana.waitUntilOpen("Lunch");
    await openSettings(ana);
    const choices = (): Promise<string[]> =>
      Promise.all(["tell-typing-here", "tell-read-receipts-here"].map((id) => ana.get(id).inputValue()));
    await expect.poll(choices, PATIENCE).toEqual(["true", "true"]);
    await ana.get("tell-read-receipts-here").selectOption("default");
    await closeSettings(ana);
    await bo.send("With bread?");
    await ana.expectTexts(["Soup", "Or salad?", "With bread?"]);
    await expect.poll(status, PATIENCE).toBe("Delivered");
    await ana.get("composer").pressSequentially("s");
    await expect.poll(() => subtitle(bo), PATIENCE).toContain("typing…");
    expect(await status()).toBe("Delivered");
  });
}
