import { story } from "./world/story.js";

story(
  "offline: three messages, tab closed and opened again without a network, then sent once, in order",
  async (world) => {
    const ana = await world.person("Ana");
    const bo = await world.person("Bo");
    await ana.page.startDirect("Bo");
    await ana.page.waitUntilOpen("Bo");
    await ana.page.send("Before the tunnel");
    await bo.page.openConversation("Ana");
    await bo.page.send("Good journey");
    const history = ["Before the tunnel", "Good journey"];
    await ana.page.expectTexts(history);
    await ana.page.waitUntilAllSent();
    await ana.page.waitUntilKept();

    await ana.device.goOffline();
    await ana.page.expectBanner("shown");
    const written = ["one", "two", "three"];
    await ana.page.send(...written);
    await ana.page.expectStates(["stored", "pending", "pending", "pending"]);
    await ana.page.close();
    await bo.page.send("Still there?");

    // Nobody answers: the page comes from the service worker, the conversation from IndexedDB.
    const again = await ana.device.open();
    await again.openConversation("Bo");
    await again.expectBanner("shown");
    await again.expectTexts([...history, ...written]);
    await again.expectStates(["stored", "pending", "pending", "pending"]);
    await bo.page.expectTexts([...history, "Still there?"]);

    await ana.device.goOnline();
    await again.expectBanner("hidden");
    await again.waitUntilAllSent();
    const all = [...history, "Still there?", ...written];
    await bo.page.expectTexts(all);
    await again.expectTexts(all);
    await again.expectStates(["stored", "stored", "stored", "stored"]);

    await Promise.all([again.reload(), bo.page.reload()]);
    await again.expectTexts(all);
    await bo.page.expectTexts(all);
  },
);
