import { expect } from "vitest";
import { PATIENCE } from "./world/chat-page.js";
import { story } from "./world/story.js";

story("who is there shows, and a muted conversation is muted on every device", async (world) => {
  const ana = await world.person("Ana");
  await ana.page.startDirect("Bo");
  await ana.page.waitUntilOpen("bo");
  const subtitle = ana.page.page.locator("#conversation-subtitle");
  await expect.poll(() => subtitle.textContent(), PATIENCE).toBe("Offline");
  const bo = await world.person("Bo", { form: "phone" });
  await expect.poll(() => subtitle.textContent(), PATIENCE).toBe("Online");
  await bo.page.conversation("Ana").waitFor();
  await expect.poll(() => bo.page.conversation("Ana").textContent(), PATIENCE).toContain("Online");

  const phone = await world.person("Ana", { form: "phone" });
  await ana.page.get("mute").click();
  for (const { page } of [ana, phone]) {
    await page.conversation("Bo").getByTestId("muted").waitFor();
  }
  await bo.page.openConversation("Ana");
  await bo.page.send("Are you there?");
  await phone.page.conversation("Bo").getByTestId("new-mark").waitFor();
  await phone.page.picture("presence 1 muted, on a phone");
  await ana.page.picture("presence 2 muted");
  expect(await ana.page.get("mute").getAttribute("aria-pressed")).toBe("true");
  await ana.page.get("mute").click();
  for (const { page } of [ana, phone]) {
    await page.conversation("Bo").getByTestId("muted").waitFor({ state: "hidden" });
  }
  // Nobody else is told.
  expect(await bo.page.conversation("Ana").getByTestId("muted").count()).toBe(1);
  expect(await bo.page.conversation("Ana").getByTestId("muted").isVisible()).toBe(false);
});
