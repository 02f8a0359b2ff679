import { expect } from "vitest";
import { story } from "./world/story.js";

story(
  "push: asked on a click only, shown while no page is on the screen, and gone to by a conversation",
  async (world) => {
    const ana = await world.person("Ana");
    const { page } = ana.page;
    const asked = () => page.evaluate(() => Notification.permission);
    expect(await asked()).not.toBe("granted");
    await page.context().grantPermissions(["notifications"]);
    await page.evaluate(async () => void (await navigator.serviceWorker.ready));

    // A browser subscribes at its maker's push service, which can't be had here: the page says so, and nothing breaks.
    await page.getByTestId("open-profile").click();
    const button = page.getByTestId("notifications");
    await button.click();
    await page.getByTestId("notifications-note").filter({ hasText: /./ }).waitFor();
    expect(await button.getAttribute("aria-pressed")).toBe("false");

    // What its service worker makes of a push that the browser hands to it.
    const session = await page.context().newCDPSession(page);
    const registered = new Promise<string>((resolve) => {
      session.on("ServiceWorker.workerRegistrationUpdated", ({ registrations }) => {
        const [registration] = registrations;
        if (registration !== undefined) resolve(registration.registrationId);
      });
    });
    await session.send("ServiceWorker.enable");
    const registrationId = await registered;
    const { origin } = new URL(page.url());
    const push = (data: object) =>
      session.send("ServiceWorker.deliverPushMessage", {
        origin,
        registrationId,
        data: JSON.stringify(data),
      });
    const shown = () =>
      page.evaluate(async () => {
        const { getNotifications } = await navigator.serviceWorker.ready.then((registration) => ({
          getNotifications: () => registration.getNotifications(),
        }));
        return (await getNotifications()).map(({ title, body, tag }) => ({ title, body, tag }));
      });
    const notice = {
      conversationId: "room",
      conversationName: "Harbour",
      senderName: "Bo",
      text: "ships",
      unread: 1,
    };
    await push(notice);
    expect(await shown()).toEqual([]);
    await page.goto("about:blank");
    await push(notice);
    await push({ ...notice, text: "more ships", unread: 2 });
    await page.goto("/");
    await expect.poll(shown).toEqual([{ title: "Bo · Harbour (2)", body: "more ships", tag: "room" }]);
  },
);
