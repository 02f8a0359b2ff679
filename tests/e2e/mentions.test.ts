import { expect } from "vitest";
import { PATIENCE } from "./world/chat-page.js";
import { findBarriers } from "./world/find-barriers.js";
import { story } from "./world/story.js";

const HOSTILE = `Eve <img src=x onerror=alert(1)>`;

for (const look of [
  { form: "desktop", colorScheme: "light" },
  { form: "phone", colorScheme: "dark" },
] as const) {
  const name = `${look.form} ${look.colorScheme}`;

  story(`an @ offers the members, and who is chosen is told, ${name}`, async (world) => {
    const bo = await world.person("Bo", look);
    const cy = await world.client("Cy Young");
    const eve = await world.client("Eve");
    await cy.users.setProfile({ name: "Cy Young" });
    await eve.users.setProfile({ name: HOSTILE });
    const ana = await world.person("Ana", look);
    await ana.page.createGroup("Lunch", "Bo, Cy Young, Eve");
    const { page } = ana;
    const composer = page.get("composer");
    const options = page.get("mention-option");
    const list = page.page.getByRole("listbox", { name: "People to mention" });

    // By the keyboard: the field keeps the focus, and says who is about to be chosen.
    await composer.pressSequentially("Soup, @");
    await expect.poll(() => options.count(), PATIENCE).toBe(3);
    await page.picture(`${name} mentions 1 offered`);
    expect(await findBarriers(page.page)).toEqual([]);
    await page.expectFits();
    const activeName = async () => {
      const id = await composer.getAttribute("aria-activedescendant");
      return page.page.locator(`#${id}[role=option][aria-selected=true]`).textContent();
    };
    const first = await activeName();
    await composer.press("ArrowDown");
    expect(await activeName()).not.toBe(first);
    await composer.press("ArrowUp");
    expect(await activeName()).toBe(first);
    await composer.press("Escape");
    await list.waitFor({ state: "hidden" });
    await composer.pressSequentially("yo");
    await expect.poll(() => options.count(), PATIENCE).toBe(1);
    expect(await activeName()).toContain("Cy Young");
    await composer.press("Enter");
    await list.waitFor({ state: "hidden" });
    expect(await composer.inputValue()).toBe("Soup, @Cy Young ");

    // What is written so far outlives a reload, with whom it mentions. Then by the mouse, or a finger.
    await page.reload();
    await composer.pressSequentially("and @b");
    await expect.poll(() => options.count(), PATIENCE).toBe(1);
    await options.first().click();
    await composer.pressSequentially("? Not @Ana or bo@example.com");
    await composer.press("Escape");
    await composer.press("Enter");
    await page.waitUntilAllSent();
    const text = "Soup, @Cy Young and @Bo ? Not @Ana or bo@example.com";
    await page.expectTexts([text]);
    await expect.poll(() => page.get("mention").allTextContents(), PATIENCE).toEqual(["@Cy Young", "@Bo"]);

    await bo.page.openConversation("Lunch");
    await bo.page.expectTexts([text]);
    await bo.page.page.locator("[data-mentions-me] .mention-me").waitFor();
    await expect.poll(() => bo.page.get("mention").allTextContents(), PATIENCE).toEqual(["@Cy Young", "@Bo"]);
    await bo.page.picture(`${name} mentions 2 told`);
    expect(await findBarriers(bo.page.page)).toEqual([]);

    // A name is text, whatever it is made of.
    await composer.pressSequentially("@eve");
    await options.first().click();
    await composer.press("Enter");
    await page.waitUntilAllSent();
    await bo.page.expectTexts([text, `@${HOSTILE}`]);
    await expect.poll(() => bo.page.get("mention").last().textContent(), PATIENCE).toBe(`@${HOSTILE}`);
    for (const shown of [page, bo.page])
      expect(await shown.page.locator("#message-list img, #mention-list img").count()).toBe(0);

    // Written offline to somebody who leaves meanwhile: that is said, and it can go without.
    ana.device.gate.close();
    await page.expectBanner("shown");
    await composer.pressSequentially("@eve");
    await options.first().click();
    await composer.pressSequentially("are you there?");
    await composer.press("Enter");
    await page.expectTexts([text, `@${HOSTILE}`, `@${HOSTILE} are you there?`]);
    await eve.conversations.items[0]!.leave();
    ana.device.gate.open();
    const retry = page.get("retry");
    await expect.poll(() => retry.last().textContent(), PATIENCE).toBe("Send without mentions");
    await page.picture(`${name} mentions 3 refused`);
    await retry.last().click();
    await page.waitUntilAllSent();
    await bo.page.expectTexts([text, `@${HOSTILE}`, `@${HOSTILE} are you there?`]);
    expect(await bo.page.get("message").last().getByTestId("mention").count()).toBe(0);
  });
}
