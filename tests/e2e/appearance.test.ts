import { expect } from "vitest";
import type { ChatPage } from "./world/chat-page.js";
import type { DeviceOptions } from "./world/device.js";
import { findBarriers } from "./world/find-barriers.js";
import { WANTS_SCREENSHOTS } from "./world/screenshots.js";
import { story } from "./world/story.js";

/** The first two have every form and every colour; the others are for pictures. */
const LOOKS = [
  { form: "desktop", colorScheme: "light" },
  { form: "phone", colorScheme: "dark" },
  { form: "desktop", colorScheme: "dark" },
  { form: "phone", colorScheme: "light" },
] as const satisfies DeviceOptions[];

for (const look of WANTS_SCREENSHOTS ? LOOKS : LOOKS.slice(0, 2)) {
  const name = `${look.form} ${look.colorScheme}`;

  story(`everything fits and nothing bars the way, ${name}`, async (world) => {
    const check = async (page: ChatPage, screen: string): Promise<void> => {
      await page.picture(`${name} ${screen}`);
      await page.expectFits();
      expect(await findBarriers(page.page), screen).toEqual([]);
    };
    const bo = await world.client("Bo");
    const device = await world.device(look);
    const page = await device.open();
    await page.get("login-name").waitFor();
    await check(page, "1 login");

    await page.logIn("Ana");
    const lunch = await bo.conversations.createGroup({ name: "Lunch", members: ["ana", "guide"] });
    await (
      await lunch.send("Soup or salad?")
    ).stored;
    await page.conversation("Lunch").getByTestId("new-mark").waitFor();
    await check(page, "2 conversations");

    await page.openConversation("#ubuntu, June 2005");
    await page.get("message").last().waitFor();
    await check(page, "3 history");

    if (look.form === "phone") await page.get("back").click();
    await page.openConversation("Lunch");
    await page.send("Soup, and then a walk around the pond if the weather stays as it is now.");
    await page.waitUntilAllSent();
    await (
      await lunch.send("Fine")
    ).stored;
    await page.get("message").nth(2).waitFor();
    await page.get("open-members").click();
    await page.get("member").nth(2).waitFor();
    await check(page, "4 members");
    await page.get("close-members").click();

    await device.goOffline();
    await page.send("Is anybody there?");
    await page.expectBanner("shown");
    await check(page, "5 offline");
    await device.goOnline();
    await page.expectBanner("hidden");
    await page.waitUntilAllSent();
    await check(page, "6 sent");

    if (look.form === "phone") await page.get("back").click();
    for (const dialog of ["new-direct", "new-group", "open-profile"]) {
      await page.get(dialog).click();
      await page.page.getByRole("dialog").waitFor();
      await check(page, `7 ${dialog}`);
      await page.page.keyboard.press("Escape");
      await page.page.getByRole("dialog").waitFor({ state: "hidden" });
    }
  });
}
