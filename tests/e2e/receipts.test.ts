import { expect } from "vitest";
import { PATIENCE } from "./world/chat-page.js";
import { story } from "./world/story.js";

story(
  "unread messages are counted on every device, and their sender sees when they were read",
  async (world) => {
    const ana = await world.person("Ana");
    const bo = await world.person("Bo");
    await ana.page.startDirect("Bo");
    await ana.page.waitUntilOpen("Bo");
    await bo.page.conversation("Ana").waitFor();
    await bo.page.openConversation("#ubuntu, June 2005");
    const phone = await world.person("Bo", { form: "phone" });

    await ana.page.send("one", "two", "three");
    for (const { page } of [bo, phone]) {
      const mark = page.conversation("Ana").getByTestId("new-mark");
      await expect.poll(() => mark.textContent(), PATIENCE).toBe("3 unread");
    }
    const status = () =>
      ana.page.get("message").last().getByTestId("message-state").getAttribute("aria-label");
    await expect.poll(status, PATIENCE).toBe("Delivered");
    await phone.page.picture("receipts 1 unread, on a phone");

    await phone.page.openConversation("Ana");
    await expect.poll(status, PATIENCE).toBe("Read");
    await bo.page.conversation("Ana").getByTestId("new-mark").waitFor({ state: "hidden" });
    await ana.page.picture("receipts 2 read");

    // Who writes is seen to, until the message is there.
    await phone.page.get("composer").pressSequentially("fo");
    const subtitle = ana.page.page.locator("#conversation-subtitle");
    await expect.poll(() => subtitle.textContent(), PATIENCE).toBe("typing…");

    // What was read stays read, and an answer is nothing unread for who wrote it.
    await phone.page.send("four");
    await expect.poll(() => subtitle.textContent(), PATIENCE).toBe("Online");
    await bo.page.reload();
    await bo.page.conversation("Ana").waitFor();
    await bo.page.conversation("Ana").getByTestId("new-mark").waitFor({ state: "hidden" });
  },
);
