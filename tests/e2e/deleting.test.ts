import { expect } from "vitest";
import { PATIENCE } from "./world/chat-page.js";
import { findBarriers } from "./world/find-barriers.js";
import { story } from "./world/story.js";

// As wide as the screen allows.
const LONG = "This was not for you. ".repeat(10).trim();
const TOMBSTONE = "This message was deleted.";

for (const form of ["desktop", "phone"] as const) {
  story(`who wrote a message deletes it for everybody, on a ${form}`, async (world) => {
    const ana = await world.person("Ana", { form });
    const bo = await world.person("Bo", { form });
    await ana.page.startDirect("Bo");
    await ana.page.waitUntilOpen("Bo");
    await ana.page.send("Hello Bo", LONG);
    await bo.page.openConversation("Ana");
    await bo.page.expectTexts(["Hello Bo", LONG]);
    await ana.page.waitUntilAllSent();
    // Of what others wrote nothing can be deleted.
    expect(await bo.page.get("delete").count()).toBe(0);

    // Once is not enough, and looking elsewhere is a no.
    const bin = ana.page.get("delete").nth(1);
    await ana.page.get("message").nth(1).hover();
    await bin.click();
    expect(await bin.textContent()).toBe("Delete?");
    expect(await findBarriers(ana.page.page)).toEqual([]);
    await ana.page.expectFits();
    await ana.page.picture(`${form} delete`);
    await ana.page.get("composer").click();
    expect(await bin.textContent()).toBe("");
    await ana.page.expectTexts(["Hello Bo", LONG]);
    await ana.page.get("message").nth(1).hover();
    await bin.click();
    await bin.click();
    for (const person of [ana, bo]) {
      await person.page.expectTexts(["Hello Bo", TOMBSTONE]);
      expect(await findBarriers(person.page.page)).toEqual([]);
      await person.page.expectFits();
    }
    // Nothing is left to be deleted, nor after a reload to be read.
    await expect.poll(() => ana.page.get("delete").nth(1).isVisible(), PATIENCE).toBe(false);
    await bo.page.reload();
    await bo.page.expectTexts(["Hello Bo", TOMBSTONE]);
    await ana.page.send("Sorry");
    await bo.page.expectTexts(["Hello Bo", TOMBSTONE, "Sorry"]);
  });
}
