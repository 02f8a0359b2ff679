import { story } from "./world/story.js";

story("where the browser refuses storage the chat works in memory, and says so", async (world) => {
  const ana = await world.person("Ana", {
    before: () => {
      IDBFactory.prototype.open = () => {
        throw new DOMException("Refused for the test", "SecurityError");
      };
    },
  });
  const bo = await world.person("Bo");
  await ana.page.get("memory-notice").waitFor();
  await bo.page.get("memory-notice").waitFor({ state: "hidden" });

  await ana.page.startDirect("Bo");
  await ana.page.waitUntilOpen("Bo");
  await ana.page.send("Kept nowhere but at the server");
  await bo.page.openConversation("Ana");
  await bo.page.send("I have it");
  const all = ["Kept nowhere but at the server", "I have it"];
  await ana.page.expectTexts(all);

  // Written without a connection, it waits in memory; after a reload everything comes from the server.
  await ana.device.goOffline();
  await ana.page.send("Wait for me");
  await ana.page.expectStates(["stored", "pending"]);
  await ana.device.goOnline();
  await ana.page.waitUntilAllSent();
  await ana.page.reload();
  await ana.page.expectTexts([...all, "Wait for me"]);
  await bo.page.expectTexts([...all, "Wait for me"]);
});
