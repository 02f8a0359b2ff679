import Database from "better-sqlite3";
import { expect, it, onTestFinished } from "vitest";
import { sqlite } from "../../src/store/sqlite/index.js";
import { createRoom } from "../door/create-room.js";
import { openServer } from "../open-server.js";
import { RawDevice } from "../raw-device.js";

const ROOM = "room";

it("does not take for lost history what retention deletes while it is asked for", async () => {
  const database = new Database(":memory:");
  onTestFinished(() => void database.close());
  const store = sqlite(database, { allowVolatile: true });
  const { messages, housekeeping } = store;
  const read = messages.read.bind(messages);
  let prunes = false;
  messages.read = async (query) => {
    if (prunes) await housekeeping.prune({ conversationId: ROOM, keepFrom: 4, keepSince: 0, limit: 10 });
    return read(query);
  };
  const server = await openServer({ store });
  const ana = await RawDevice.open(server, "ana");
  await createRoom(ana);
  for (const text of ["one", "two", "three"]) await ana.send(ROOM, text);
  const request = { type: "get-range", conversationId: ROOM, limit: 200, after: 2 } as const;
  const { entries } = await ana.expect("range", { ...request, after: 1 });
  const { fingerprint } = entries[0]!;
  prunes = true;
  const answer = await ana.ask({ ...request, fingerprint });
  expect(answer).toMatchObject({ type: "range", entries: [{ messageId: 4, text: "three" }] });
  // What is there, and is another one, diverges still.
  prunes = false;
  expect(await ana.ask({ ...request, after: 4, fingerprint })).toMatchObject({ code: "diverged" });
});
