import { ChatError } from "@chat/protocol";
import Database from "better-sqlite3";
import { expect, it, onTestFinished } from "vitest";
import type { ChatStore } from "../../src/index.js";
import { sqlite } from "../../src/store/sqlite/index.js";
import { createRoom } from "../door/create-room.js";
import { openServer } from "../open-server.js";
import { RecordingProvider } from "../push/recording-provider.js";
import { RawDevice } from "../raw-device.js";

const ROOM = "room";

/** A store of a database that is gone with the test. */
function openStore(database = new Database(":memory:")): ChatStore {
  onTestFinished(() => void database.close());
  return sqlite(database, { allowVolatile: true });
}

/** The log as somebody sees it who has just come, and as it was told to somebody who was there all along. */
async function seen(device: RawDevice): Promise<readonly (string | undefined)[]> {
  const request = { type: "get-range", conversationId: ROOM, limit: 200, after: 0 } as const;
  const { entries } = await device.expect("range", request);
  return entries.map(({ text, kind, redacted }) => (redacted ? "redacted" : (text ?? kind)));
}

it("that is gone on with leaves alone what was written since it was told", async () => {
  const store = openStore();
  const { housekeeping } = store;
  const endErasure = housekeeping.endErasure.bind(housekeeping);
  let fails = true;
  housekeeping.endErasure = (userId) => {
    if (!fails) return endErasure(userId);
    fails = false;
    return Promise.reject(new ChatError("store_unavailable", "The store is away."));
  };
  const server = await openServer({ store });
  const [ana, bo] = [await RawDevice.open(server, "ana"), await RawDevice.open(server, "bo")];
  await createRoom(ana, ["bo"]);
  await bo.send(ROOM, "before");
  await expect(server.eraseUser("bo")).rejects.toMatchObject({ code: "store_unavailable" });
  await bo.send(ROOM, "since");
  await server.eraseUser("bo");
  expect(await seen(ana)).toEqual(["created", "redacted", "erased", "since"]);
});

it("that two servers go on with at once tells of all that it has wiped", async () => {
  const database = new Database(":memory:");
  const store = openStore(database);
  const { messages } = store;
  const wipe = messages.wipe.bind(messages);
  let meanwhile: (() => Promise<void>) | undefined;
  messages.wipe = async (query) => {
    const first = meanwhile;
    meanwhile = undefined;
    await first?.();
    return wipe(query);
  };
  const [server, other] = [await openServer({ store }), await openServer({ store: openStore(database) })];
  const [ana, bo] = [await RawDevice.open(server, "ana"), await RawDevice.open(server, "bo")];
  await createRoom(ana, ["bo"]);
  await bo.send(ROOM, "before");
  meanwhile = async () => {
    await other.eraseUser("bo");
    await bo.send(ROOM, "since");
  };
  await server.eraseUser("bo");
  expect(await seen(ana)).toEqual(["created", "redacted", "erased", "redacted", "erased"]);
});

it("forgets what the user did not tell others, whom they have blocked and where pushes go, and leaves what is others'", async () => {
  const provider = new RecordingProvider();
  const store = openStore();
  const server = await openServer({ store, push: { providers: [provider] } });
  const deviceId = crypto.randomUUID();
  const bo = server.as("bo", { deviceId });
  await server.as("ana").createGroup({ id: ROOM, members: ["bo"] });
  await bo.setPrivacy({ typing: false, readReceipts: false, block: ["ana", "cy"] });
  await bo.setPush({ provider: provider.name, target: { token: "bo's phone" } });
  const ofAna = await server.as("ana").setPrivacy({ readReceipts: false, block: ["bo", "cy"] });
  const phone = await RawDevice.open(server, "bo");
  await phone.expect("presences", { type: "set-presence", invisible: true });
  expect((await store.conversations.presences(["bo"])).size).toBe(1);
  await server.eraseUser("bo");
  const forgotten = { version: 2, typing: true, readReceipts: true, blocked: [] };
  expect(await bo.privacy()).toEqual(forgotten);
  expect(await phone.until(({ type }) => type === "privacy-changed")).toMatchObject({ privacy: forgotten });
  expect(await store.conversations.blocks("bo", ["ana", "cy"])).toEqual({ blocked: [], blockedBy: ["ana"] });
  expect(await store.pushes.subscriptions("bo")).toEqual([]);
  expect(await store.conversations.presences(["bo"])).toEqual(new Map());
  expect(await server.as("ana").privacy()).toEqual(ofAna);
  // Nobody of whom nothing is kept gets anything by it.
  await server.eraseUser("di");
  expect(await store.conversations.privacies(["di"])).toEqual(new Map());
});

it("has devices forget also what the store keeps no more", async () => {
  const store = openStore();
  const server = await openServer({ store });
  const [ana, bo] = [await RawDevice.open(server, "ana"), await RawDevice.open(server, "bo")];
  await createRoom(ana, ["bo"]);
  await bo.send(ROOM, "held by devices");
  await ana.send(ROOM, "kept");
  await store.housekeeping.prune({ conversationId: ROOM, keepFrom: 3, keepSince: 0, limit: 10 });
  await server.eraseUser("bo");
  expect(await seen(ana)).toEqual(["kept", "erased"]);
});
