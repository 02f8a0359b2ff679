import Database from "better-sqlite3";
import { expect, it, onTestFinished } from "vitest";
import { sqlite } from "../../src/store/sqlite/index.js";
import { createRoom } from "../door/create-room.js";
import { openServer } from "../open-server.js";
import { RawDevice } from "../raw-device.js";

const ROOM = "room";

/** Entries 1 to 4, of which retention deletes the first three while a range is read once it is to. */
async function openWorld(): Promise<{ ana: RawDevice; retention: { prunes: boolean } }> {
  const database = new Database(":memory:");
  onTestFinished(() => void database.close());
  const store = sqlite(database, { allowVolatile: true });
  const { messages, housekeeping } = store;
  const read = messages.read.bind(messages);
  const retention = { prunes: false };
  messages.read = async (query) => {
    if (retention.prunes)
      await housekeeping.prune({ conversationId: ROOM, keepFrom: 4, keepSince: 0, limit: 10 });
    return read(query);
  };
  const server = await openServer({ store });
  const ana = await RawDevice.open(server, "ana");
  await createRoom(ana);
  for (const text of ["one", "two", "three"]) await ana.send(ROOM, text);
  return { ana, retention };
}

it("does not take for lost history what retention deletes while it is asked for", async () => {
  const { ana, retention } = await openWorld();
  const request = { type: "get-range", conversationId: ROOM, limit: 200, after: 2 } as const;
  const { entries } = await ana.expect("range", { ...request, after: 1 });
  const { fingerprint } = entries[0]!;
  retention.prunes = true;
  const answer = await ana.ask({ ...request, fingerprint });
  expect(answer).toMatchObject({ type: "range", entries: [{ messageId: 4, text: "three" }] });
  // What is there, and is another one, diverges still.
  retention.prunes = false;
  expect(await ana.ask({ ...request, after: 4, fingerprint })).toMatchObject({ code: "diverged" });
});

it.each([
  ["behind an id", { after: 1 }, { after: 1, through: 4, entries: [{ messageId: 4 }] }],
  ["before an id", { before: 4 }, { after: 0, through: 3, entries: [] }],
  ["around an id", { around: 2 }, { after: 0, through: 4, entries: [{ messageId: 4 }] }],
])("says that what retention deletes while it is read is kept no more: %s", async (_, query, span) => {
  const { ana, retention } = await openWorld();
  const request = { type: "get-range", conversationId: ROOM, limit: 200, ...query } as const;
  expect(await ana.expect("range", request)).toMatchObject({ firstId: 1 });
  retention.prunes = true;
  expect(await ana.expect("range", request)).toMatchObject({ ...span, firstId: 4 });
});
