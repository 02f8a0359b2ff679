import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, it } from "vitest";
import { sqlite } from "../../src/store/sqlite/index.js";
import { openServer, temporaryFolder } from "../open-server.js";
import { VirtualClock } from "../virtual-clock.js";

it("ends what is under way before the store is closed, also where something else has failed meanwhile", async () => {
  const clock = new VirtualClock();
  const database = new Database(join(temporaryFolder(), "chat.db"));
  const store = sqlite(database);
  const outbox = store.outbox!;
  const server = await openServer({ store, outbox: true, runtime: clock.runtime });
  const ana = server.as("ana");
  for (const id of ["failing", "slow"]) await server.system.createGroup({ id, members: ["ana"] });
  const drafts = [await ana.draft("failing", "one"), await ana.draft("slow", "another")];

  outbox.remove = () => Promise.reject(new Error("The connection was lost."));
  const append = store.messages.append.bind(store.messages);
  let goOn!: () => void;
  const gate = new Promise<void>((resolve) => (goOn = resolve));
  store.messages.append = async (given) => {
    if (given[0]!.conversationId === "slow") await gate;
    return append(given);
  };
  database.exec("BEGIN");
  await server.enqueue(database, ...drafts);
  database.exec("COMMIT");
  clock.advance(100);
  await clock.settle();

  let isClosed = false;
  const closed = server.close().then(() => (isClosed = true));
  await clock.settle();
  expect(isClosed).toBe(false);
  goOn();
  await closed;
  const texts = database.prepare("SELECT count(*) AS count FROM chat_message").get();
  expect(texts).toEqual({ count: 4 });
});
