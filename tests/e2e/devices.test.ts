import { story } from "./world/story.js";

story(
  "a second device of the same user has the history, and what either sends is on both once",
  async (world) => {
    const bo = await world.person("Bo");
    const desktop = await world.person("Ana");
    await desktop.page.startDirect("Bo");
    await desktop.page.waitUntilOpen("Bo");
    await desktop.page.send("first", "second");
    await bo.page.openConversation("Ana");
    await bo.page.expectTexts(["first", "second"]);
    await bo.page.send("third");

    const phone = await world.person("Ana", { form: "phone" });
    await phone.page.openConversation("Bo");
    await phone.page.expectTexts(["first", "second", "third"]);
    await phone.page.send("from the phone");
    await desktop.page.expectTexts(["first", "second", "third", "from the phone"]);
    await desktop.page.send("from the desktop");
    const all = ["first", "second", "third", "from the phone", "from the desktop"];
    await phone.page.expectTexts(all);

    // One of them is away for a while; both write meanwhile.
    await phone.device.goOffline();
    await phone.page.send("in the tunnel");
    await desktop.page.send("at the desk");
    await bo.page.expectTexts([...all, "at the desk"]);
    await phone.device.goOnline();
    all.push("at the desk", "in the tunnel");
    for (const { page } of [phone, desktop, bo]) await page.expectTexts(all);

    // All of Ana's are her own on either device.
    const own = all.filter((text) => text !== "third").map(() => "stored");
    await phone.page.expectStates(own);
    await desktop.page.expectStates(own);
    await Promise.all([phone.page.reload(), desktop.page.reload()]);
    await phone.page.expectTexts(all);
    await desktop.page.expectTexts(all);
  },
);
