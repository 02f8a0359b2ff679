import { expect } from "vitest";
import { PATIENCE } from "./world/chat-page.js";
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

story("the same user in two tabs: both work, the second in memory, no message twice", async (world) => {
  const ana = await world.person("Ana");
  const bo = await world.person("Bo");
  await ana.page.startDirect("Bo");
  await ana.page.waitUntilOpen("Bo");
  await ana.page.send("from the first tab");

  const second = await ana.device.open();
  await second.waitUntilSynced();
  await second.openConversation("Bo");
  await second.get("memory-notice").waitFor();
  await ana.page.get("memory-notice").waitFor({ state: "hidden" });
  await second.expectTexts(["from the first tab"]);
  await second.send("from the second tab");
  await ana.page.expectTexts(["from the first tab", "from the second tab"]);

  await bo.page.openConversation("Ana");
  await Promise.all([
    ana.page.send("a1", "a2", "a3"),
    second.send("b1", "b2", "b3"),
    bo.page.send("c1", "c2", "c3"),
  ]);
  await expect.poll(async () => (await bo.page.texts()).length, PATIENCE).toBe(11);
  const order = await bo.page.texts();
  for (const tab of ["a", "b", "c"]) {
    expect(order.filter((text) => text.startsWith(tab))).toEqual(
      [1, 2, 3].map((number) => `${tab}${number}`),
    );
  }
  await ana.page.expectTexts(order);
  await second.expectTexts(order);

  // With the first tab gone, the next one to open keeps things again.
  await ana.page.close();
  await second.reload();
  await second.get("memory-notice").waitFor({ state: "hidden" });
  await second.expectTexts(order);
});
