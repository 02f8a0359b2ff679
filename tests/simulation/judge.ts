import { sqlite } from "@chat/server/sqlite";
import type { ConversationSummary } from "@chat/client";
import { isSendableKind } from "@chat/protocol";
import { type ChatStore, combineStores } from "@chat/server";
import { dynamodb } from "@chat/server/dynamodb";
import { Chance } from "./chance.js";
import type { Device } from "./device.js";
import { PartyClock } from "./party-clock.js";
import { Party } from "./scheduler.js";
import { DRAIN_BOUND, settle } from "./settle.js";
import { simulatedDynamoDb } from "./simulated-dynamo-db.js";
import type { Call } from "./unreliable-line.js";
import type { World } from "./world.js";

/** Lets the world go on until a promise has settled. */
async function within<T>(
  world: World,
  promise: Promise<T>,
  bound: number,
  describe = (): string => "",
): Promise<T | undefined> {
  const { scheduler, trace } = world;
  let settled = false;
  let result: T | undefined;
  let failure: unknown;
  promise.then(
    (value) => {
      result = value;
      settled = true;
    },
    (error: unknown) => {
      failure = error;
      settled = true;
    },
  );
  await new Promise<void>((resolve) => setImmediate(resolve));
  await scheduler.runUntil(scheduler.now + bound, () => settled || trace.violation !== undefined);
  if (failure instanceof Error) trace.fail("everything can be read at the end", failure.message);
  else if (!settled) trace.fail("everything can be read at the end", `no answer in time ${describe()}`);
  return result;
}

/** What the servers' stores keep, without what fails on the way there. */
function storeOf({ database, log }: World): ChatStore {
  const rows = sqlite(database, { allowVolatile: true });
  if (log === undefined) return rows;
  const call: Call = (_, carryOut) => carryOut();
  const noted = { stored: () => {}, pruned: () => {}, wiped: () => {} };
  const client = simulatedDynamoDb({ tables: log, call, isRefused: () => false, ...noted });
  return combineStores({ messages: dynamodb(client), conversations: rows });
}

async function openStore(world: World): Promise<ChatStore> {
  const party = new Party("judge");
  const runtime = new PartyClock(world.scheduler).runtime(party, new Chance("judge"), world.trace);
  const store = storeOf(world);
  await within(world, store.open({ runtime, groupMembers: 100 }), 1_000);
  return store;
}

/** The store holds exactly what it said that it had committed. */
async function judgeStore(world: World, store: ChatStore): Promise<void> {
  const { oracle, trace } = world;
  for (const [conversationId, { entries: all, firstId }] of oracle.logs) {
    const entries = all.slice(firstId - 1);
    const query = { conversationId, after: 0, before: Infinity, order: "ascending", limit: 100_000 } as const;
    const read = store.messages.read({ ...query, before: Number.MAX_SAFE_INTEGER, maxBytes: Infinity });
    const found = (await within(world, read, 1_000)) ?? [];
    const same = found.length === entries.length && found.every(({ text }, at) => text === entries[at]?.text);
    if (!same)
      trace.fail("the store keeps what it committed", `${conversationId} has ${found.length} entries`);
  }
}

/** True if the user has been a member from the beginning of the conversation, as far as the store knows. */
function neverLeft({ oracle }: World, conversationId: string, userId: string): boolean {
  const stays = oracle.logs.get(conversationId)?.stays.get(userId) ?? [];
  return stays.length === 1 && stays[0]!.to === Infinity;
}

/** What was acknowledged is in the store, and so is what was in an outbox; what was refused is not. */
function judgeWritten(world: World): void {
  const { oracle, trace } = world;
  const expected = new Set(["forbidden", "not_found", "closed"]);
  for (const written of oracle.written.values()) {
    const { text, conversationId, acknowledgedAs, refused, accepted, author } = written;
    const isStored = oracle.entryOf(text) !== undefined;
    if (acknowledgedAs !== undefined && !isStored && !oracle.lost.has(text)) {
      trace.fail("acknowledged means stored", `${text} was ${acknowledgedAs}`);
    }
    if (refused !== undefined && !expected.has(refused)) {
      trace.fail("no message is refused without a reason", `${text}: ${refused}`);
    }
    const device = world.devices.find((one) => one.author === author);
    // On a disk that fails, a refusal may have been written nowhere when the application ended: the message waits again.
    const isKept = refused !== "closed" && device?.disk.hasFailed !== true;
    if (refused !== undefined && isKept && isStored && !world.hasLostHistory) {
      trace.fail("refused means not stored", `${text}: ${refused}`);
    }
    if (!accepted || isStored || refused !== undefined || device === undefined || world.hasLostHistory)
      continue;
    // Who has been away may have been refused in a run of the application that ended before it could say so.
    if (device.disk.hasFailed || !neverLeft(world, conversationId, device.userId)) continue;
    trace.fail("what is in the outbox is stored in the end", `${text} in ${conversationId}`);
  }
}

/** What a restored backup lost came back, if its device still had it. */
function judgeOwed(world: World): void {
  const { oracle, trace } = world;
  for (const { text, device, messageId } of world.owed) {
    const written = oracle.written.get(text);
    if (written === undefined || oracle.entryOf(text) !== undefined || device.disk.hasFailed) continue;
    if (oracle.redacted.has(text)) continue;
    // Retention has deleted all that there could be at its place: nobody compares what is there no more.
    if (messageId < oracle.firstId(written.conversationId)) continue;
    // Where the conversation itself is lost, or its author has left, there is no way back.
    if (!neverLeft(world, written.conversationId, device.userId)) continue;
    trace.fail(
      "what a restored backup lost comes back",
      `${text} of ${device.name} in ${written.conversationId}`,
    );
  }
}

/** Every conversation, paged back to its beginning, shows what the user may see, once and in order. */
async function judgeTimelines(world: World, device: Device): Promise<void> {
  const { oracle, trace } = world;
  const { client, userId, name } = device;
  if (client === undefined) return;
  for (const id of oracle.conversationsOf(userId)) {
    const conversation = await within(world, client.conversations.fetch(id), 60_000);
    if (conversation === undefined) return;
    const { timeline } = conversation;
    timeline.subscribe(() => {});
    for (let page = 0; page < 1_000; page++) {
      const settled = new Promise<void>((resolve) => {
        const look = (): void => {
          if (timeline.state === "complete") resolve();
        };
        timeline.subscribe(look);
        look();
      });
      await within(world, settled, 60_000, () => `${name} in ${id} is ${timeline.state}`);
      if (!timeline.hasOlder || trace.violation !== undefined) break;
      const older = timeline.loadOlder({ limit: 7 });
      await within(world, older, 60_000, () => `${name} in ${id} has nothing older`);
    }
    if (trace.violation !== undefined) return;
    const shown = timeline.messages.filter(({ state }) => state === "stored");
    // What is kept no more is shown where it is held, the newest of it without a hole.
    const held = new Set(shown.map(({ messageId }) => messageId));
    const everything = oracle
      .shown(userId, id)
      .filter((entry) => !oracle.isBack(entry) || held.has(entry.messageId));
    const gone = everything.filter(({ messageId }) => messageId < oracle.firstId(id)).length;
    const visible = everything.slice(Math.min(gone, Math.max(0, everything.length - shown.length)));
    // In a history that has lost a redaction, who has heard of it shows a tombstone; a former member hears of it with the next connect.
    const mayDiffer = oracle.hasLostHistory || !oracle.isMember(userId, id);
    const bodyOf = (text = ""): string => (mayDiffer && oracle.redacted.has(text) ? "" : text);
    // Who sent it again when it was deleted already has been told no more than where it was.
    const isTombstone = new Set(
      shown
        .filter(({ messageId, redacted }) => redacted === true && messageId! < oracle.firstId(id))
        .map(({ messageId }) => messageId),
    );
    const line = ({ messageId, text }: { readonly messageId?: number; readonly text?: string }): string =>
      `${messageId}:${isTombstone.has(messageId) ? "" : bodyOf(text)}`;
    const [is, should] = [shown.map(line), visible.map(line)];
    const at = should.findIndex((text, index) => text !== is[index]);
    if (is.length !== should.length || at !== -1) {
      const detail = `${name} in ${id} shows ${is.length} of ${should.length}, from ${should[at] ?? is[should.length]} on it differs`;
      trace.fail("every entitled device has every message once and in order", detail);
    }
  }
}

function summaries({ client }: Device): ReadonlyMap<string, ConversationSummary> {
  return new Map((client?.conversations.items ?? []).map(({ id, summary }) => [id, summary]));
}

/** Keys in one order, so that two that say the same read the same. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

/** What a device shows in its list is what a new device of the user shows. */
function judgeList(world: World, device: Device, fresh: Device): void {
  const [own, others] = [summaries(device), summaries(fresh)];
  for (const [id, summary] of others) {
    const mine = own.get(id);
    if (canonical(mine) !== canonical(summary)) {
      const detail = `${device.name} in ${id}: ${canonical(mine)} instead of ${canonical(summary)}`;
      world.trace.fail("a device shows what a new device shows", detail);
    }
  }
  const [known, listed] = [[...own.keys()], [...others.keys()]].map((ids) => ids.sort().join());
  if (known !== listed) {
    world.trace.fail(
      "a device shows what a new device shows",
      `${device.name} lists ${known}, not ${listed}`,
    );
  }
}

/** A row shows the newest message that the user may see, without what was taken away. */
async function judgeLatest(world: World, store: ChatStore, { userId, name, client }: Device): Promise<void> {
  const { oracle, trace } = world;
  for (const { id } of client?.conversations.items ?? []) {
    if (!oracle.isMember(userId, id)) continue;
    const row = await within(world, store.conversations.row(userId, id), 1_000);
    const newest = oracle
      .visible(userId, id)
      .filter(({ kind }) => isSendableKind(kind))
      .at(-1);
    const isKept = newest !== undefined && newest.messageId >= oracle.firstId(id);
    const should = isKept ? `${newest.messageId}:${newest.text ?? ""}` : undefined;
    const is = row?.latest && `${row.latest.messageId}:${row.latest.snippet ?? ""}`;
    if (is !== should) trace.fail("a row shows the newest message", `${name} in ${id}: ${is}, not ${should}`);
  }
}

/** What a new device counts as unread is what is in the log above what was read, by the store. */
async function judgeUnread(world: World, store: ChatStore, device: Device): Promise<void> {
  const { oracle, trace } = world;
  const { userId, name } = device;
  for (const [id, { unreadCount, firstUnreadId, member }] of summaries(device)) {
    const row = await within(world, store.conversations.row(userId, id), 1_000);
    // Marked unread by hand, it counts from the mark on.
    if (!member || row === undefined || row.unread?.from !== undefined) continue;
    const unread = oracle.unreadAbove(userId, id, row.read);
    if (unreadCount !== unread || (firstUnreadId !== undefined) !== unreadCount > 0) {
      const is = `${unreadCount} from ${firstUnreadId} on`;
      trace.fail(
        "what is unread is what nobody has read",
        `${name} in ${id}: ${is}, not ${unread} above ${row.read}`,
      );
    }
  }
}

/** What devices hold is what the store has. */
async function judgeDisks(devices: readonly Device[], heard: "members" | "everybody"): Promise<void> {
  for (const { disk } of devices) if (!disk.hasFailed) await disk.verify(undefined, heard);
}

/** With the next connect former members hear of what was taken away, too. */
async function reconnect(world: World): Promise<void> {
  const { scheduler, trace, devices } = world;
  for (const device of devices) device.act((client) => client.disconnect());
  await scheduler.runUntil(scheduler.now + 1_000, () => trace.violation !== undefined);
  for (const device of devices) device.act((client) => client.connect());
  await settle(world, DRAIN_BOUND, "everything drains in time");
}

/** Compares all that there is at the end, when nothing is under way any more. */
export async function judge(world: World): Promise<void> {
  const { trace } = world;
  const devices = [...world.devices];
  const fresh = world.users.map((userId) => world.addDevice(userId, `${userId}-new`));
  for (const device of fresh) device.start();
  await settle(world, DRAIN_BOUND, "a new device gets everything");
  const store = await openStore(world);
  const steps: (() => void | Promise<void>)[] = [
    () => judgeStore(world, store),
    () => judgeWritten(world),
    () => judgeOwed(world),
    ...fresh.map((device) => () => judgeLatest(world, store, device)),
    ...fresh.map((device) => () => judgeUnread(world, store, device)),
    ...devices.map((device) => () => judgeList(world, device, fresh[world.users.indexOf(device.userId)]!)),
    ...[...devices, ...fresh].map((device) => () => judgeTimelines(world, device)),
    () => judgeDisks([...devices, ...fresh], "members"),
    () => reconnect(world),
    () => judgeDisks([...devices, ...fresh], "everybody"),
  ];
  for (const step of steps) {
    if (trace.violation !== undefined) return;
    await step();
  }
}
