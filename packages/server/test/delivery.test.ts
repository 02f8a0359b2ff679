import { join } from "node:path";
import { createClientCodec, createServerCodec } from "@chat/protocol";
import { encode } from "@msgpack/msgpack";
import Database from "better-sqlite3";
import { describe, expect, it, onTestFinished } from "vitest";
import { Deliverer } from "../src/delivery/deliverer.js";
import { decodeEnvelope, encodeEnvelope, type Envelope } from "../src/delivery/envelope.js";
import { type ChatServer, DEFAULT_SETTINGS, type Fanout, inProcessRegistry } from "../src/index.js";
import type { Recipient } from "../src/delivery/recipient.js";
import type { AppendOutcome, Draft, MessageStore } from "../src/store/message-store.js";
import { chainFingerprint } from "../src/store/chain-fingerprint.js";
import { sqlite } from "../src/store/sqlite/index.js";
import type { StoredEntry } from "../src/store/stored-entry.js";
import { openServer, temporaryFolder } from "./open-server.js";
import { RawDevice } from "./raw-device.js";
import { VirtualClock } from "./virtual-clock.js";

/** A fan-out that does what the contract allows the worst one to do. */
class BadFanout implements Fanout {
  readonly #handlers = new Map<string, (envelope: Uint8Array) => void>();
  readonly #late: (() => void)[] = [];
  published = 0;

  constructor(private readonly behaviour: "lose-all" | "double-and-reorder") {}

  publish(serverIds: readonly string[], envelope: Uint8Array): void {
    this.published++;
    if (this.behaviour === "lose-all") return;
    for (const serverId of serverIds) {
      const deliver = (): void => this.#handlers.get(serverId)?.(envelope);
      setImmediate(deliver);
      this.#late.push(deliver);
      if (this.#late.length === 3) for (const late of this.#late.splice(0).reverse()) setImmediate(late);
    }
  }

  subscribe(serverId: string, handler: (envelope: Uint8Array) => void): Promise<() => void> {
    this.#handlers.set(serverId, handler);
    return Promise.resolve(() => this.#handlers.delete(serverId));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

async function twoServers(fanout: Fanout, clock: VirtualClock): Promise<[ChatServer, ChatServer]> {
  const file = join(temporaryFolder(), "chat.db");
  const registry = inProcessRegistry(clock.runtime.clock);
  const open = (serverId: string) => openServer({ fanout, registry, serverId, runtime: clock.runtime }, file);
  return [await open("one"), await open("two")];
}

async function createRoom(owner: RawDevice, members: string[]): Promise<void> {
  await owner.expect("conversation", {
    type: "create-conversation",
    conversationType: "group",
    conversationId: "room",
    clientMessageId: crypto.randomUUID(),
    members,
  });
}

const idsOf = (device: RawDevice): number[] => device.pushed("room").map(({ messageId }) => messageId);
const upTo = (head: number): number[] => Array.from({ length: head }, (_, index) => index + 1);

describe("two servers on one store", () => {
  it("delivers in order, once, over a fan-out that doubles and reorders", async () => {
    const clock = new VirtualClock();
    const fanout = new BadFanout("double-and-reorder");
    const [one, two] = await twoServers(fanout, clock);
    const ana = await RawDevice.open(one, "ana");
    const bo = await RawDevice.open(two, "bo");
    await createRoom(ana, ["bo"]);
    for (let index = 2; index <= 40; index++) await ana.send("room", `${index}`);
    await bo.until((frame) => frame.type === "entries" && frame.through === 40);
    expect(idsOf(bo)).toEqual(upTo(40));
    expect(fanout.published).toBeGreaterThan(0);
  });

  it("finds what fan-out lost in the change feed: new members, messages, the last one too", async () => {
    const clock = new VirtualClock();
    const fanout = new BadFanout("lose-all");
    const [one, two] = await twoServers(fanout, clock);
    const bo = await RawDevice.open(two, "bo");
    const ana = await RawDevice.open(one, "ana");
    await createRoom(ana, ["bo"]);
    await ana.send("room", "the last one");
    await clock.settle();
    expect(idsOf(bo)).toEqual([]);
    clock.advance(1_000);
    await bo.until((frame) => frame.type === "conversation-changed");
    // The row tells bo of a head that was never pushed; the device asks. What comes from now on is pushed.
    await ana.send("room", "another");
    clock.advance(1_000);
    await bo.until((frame) => frame.type === "entries" && frame.through === 3);
    await clock.settle();
    const pong = await bo.expect("pong", { type: "ping" });
    expect(pong.heads).toEqual([{ conversationId: "room", head: 3 }]);
    const { rows } = await bo.expect("changes", { type: "list-changes", cursor: pong.cursor!, limit: 10 });
    expect(rows).toEqual([]);
  });

  it("tells the other server's users of a profile that they asked for", async () => {
    const clock = new VirtualClock();
    const [one, two] = await twoServers(new BadFanout("lose-all"), clock);
    const ana = await RawDevice.open(one, "ana");
    const bo = await RawDevice.open(two, "bo");
    const { profiles } = await bo.expect("users", { type: "get-users", users: [{ userId: "ana" }] });
    expect(profiles).toEqual([{ userId: "ana", version: 0 }]);
    await ana.expect("users", { type: "set-profile", name: "Ana", avatarUrl: "https://example.com/ana.png" });
    clock.advance(1_000);
    const push = await bo.until((frame) => frame.type === "user-changed");
    expect(push).toMatchObject({ profile: { userId: "ana", version: 1, name: "Ana" } });
    // Once, although the change feed goes on telling whoever asked.
    await ana.expect("users", { type: "get-users", users: [{ userId: "ana" }] });
    await ana.expect("users", { type: "set-profile", name: "Anna" });
    clock.advance(1_000);
    await clock.settle();
    expect(ana.received.filter(({ type }) => type === "user-changed")).toHaveLength(1);
  });

  it("names no head of a conversation to a member who has left", async () => {
    const [one] = await twoServers(new BadFanout("lose-all"), new VirtualClock());
    const ana = await RawDevice.open(one, "ana");
    const bo = await RawDevice.open(one, "bo");
    await createRoom(ana, ["bo"]);
    await bo.until((frame) => frame.type === "entries");
    const clientMessageId = crypto.randomUUID();
    const leave = {
      type: "remove-members",
      conversationId: "room",
      clientMessageId,
      members: ["bo"],
    } as const;
    await bo.expect("conversation", leave);
    await ana.send("room", "without bo");
    expect(await bo.expect("pong", { type: "ping" })).toMatchObject({ heads: [] });
  });

  it("tells a member who has left of a redaction before a cursor is past it", async () => {
    const clock = new VirtualClock();
    const [one, two] = await twoServers(new BadFanout("lose-all"), clock);
    const ana = await RawDevice.open(one, "ana");
    const bo = await RawDevice.open(two, "bo");
    await createRoom(ana, ["bo"]);
    await ana.send("room", "secret");
    const change = { conversationId: "room", clientMessageId: crypto.randomUUID() };
    await ana.expect("conversation", { type: "remove-members", ...change, members: ["bo"] });
    clock.advance(1_000);
    await clock.settle();
    const redaction = { conversationId: "room", clientMessageId: crypto.randomUUID(), messageId: 2 };
    await ana.expect("conversation", { type: "redact-message", ...redaction });
    clock.advance(1_000);
    const told = await bo.until((frame) => frame.type === "conversation-changed");
    expect(told).toMatchObject({ row: { conversationId: "room", member: false, head: 2, lastRedaction: 4 } });
  });
});

describe("a session that joins while others send", () => {
  it("has every device sync anew where the store has lost the history that its position belongs to", async () => {
    const clock = new VirtualClock();
    const events: string[] = [];
    const runtime = { ...clock.runtime, log: (_level: unknown, event: string) => void events.push(event) };
    const database = new Database(":memory:");
    onTestFinished(() => void database.close());
    const server = await openServer({ store: sqlite(database, { allowVolatile: true }), runtime });
    const bo = await RawDevice.open(server, "bo");
    await createRoom(bo, []);
    // As a store notes it that finds itself on another engine, which had not received everything.
    database.exec("DELETE FROM chat_boot");
    await sqlite(database, { allowVolatile: true }).open({ runtime, groupMembers: 100 });
    clock.advance(1_000);
    expect(await bo.closed()).toMatchObject({ reason: "goingAway" });
    expect(events).toContain("store_lost_history");

    const again = await RawDevice.open(server, "bo", bo.deviceId);
    await again.send("room", "goes on");
    await again.until((frame) => frame.type === "entries" && frame.through === 2);
    clock.advance(1_000);
    await clock.settle();
    expect(again.closedWith).toBeUndefined();
  });

  it("has no hole between what it asks and what is pushed", async () => {
    const server = await openServer();
    const ana = await RawDevice.open(server, "ana");
    await createRoom(ana, ["bo"]);
    const sends = Array.from({ length: 100 }, (_, index) => ana.send("room", `${index}`));
    const bo = await RawDevice.open(server, "bo");
    const range = await bo.expect("range", {
      type: "get-range",
      conversationId: "room",
      after: 0,
      limit: 200,
    });
    await Promise.all(sends);
    if (range.through < 101) await bo.until((frame) => frame.type === "entries" && frame.through === 101);
    const ids = new Set([...range.entries.map(({ messageId }) => messageId), ...idsOf(bo)]);
    expect([...ids].sort((a, b) => a - b)).toEqual(upTo(101));
  });
});

describe("closing", () => {
  it("tells devices when to come back, answers what is under way and refuses what is new", async () => {
    const server = await openServer();
    const ana = await RawDevice.open(server, "ana");
    await createRoom(ana, []);
    const sent = ana.send("room", "under way");
    const closed = server.close();
    ana.post({
      type: "send-message",
      conversationId: "room",
      clientMessageId: crypto.randomUUID(),
      text: "late",
    });
    expect(await sent).toMatchObject({ type: "message-stored", messageId: 2 });
    await closed;
    expect(ana.closedWith).toMatchObject({ code: 4503 });
    expect(ana.received.some(({ type }) => type === "going-away")).toBe(true);
    expect(ana.received).toContainEqual(expect.objectContaining({ type: "error", code: "shutting_down" }));
  });

  it("lets go of the store also where the fan-out does not end in order", async () => {
    const events: string[] = [];
    const fanout: Fanout = {
      publish() {},
      subscribe: async () => () => {},
      close: () => Promise.reject(new Error("the connection was lost")),
    };
    const store = sqlite(new Database(join(temporaryFolder(), "chat.db")));
    const server = await openServer({ store, fanout, log: (_level, event) => void events.push(event) });
    await server.close();
    expect(events).toContain("fanout_not_closed");
    await expect(store.conversations.position()).rejects.toMatchObject({ code: "closed" });
  });
});

describe("Deliverer", () => {
  /** Where a log is, as a row says it that tells no fingerprint. */
  const at = (head: number) => ({ head, fingerprint: undefined });

  /** A deliverer on a real store that holds so many entries in "room", whose reads are counted, and give `page` entries at most. */
  async function withLog(
    length: number,
    page?: number,
  ): Promise<{
    deliverer: Deliverer;
    reads: number[];
    log: StoredEntry[];
    clock: VirtualClock;
    messages: MessageStore;
    append: () => Promise<readonly AppendOutcome[]>;
  }> {
    const database = new Database(":memory:");
    const store = sqlite(database, { allowVolatile: true });
    const clock = new VirtualClock();
    const { runtime } = clock;
    await store.open({ runtime, groupMembers: 10 });
    onTestFinished(async () => {
      await store.close();
      database.close();
    });
    await store.conversations.reserve({
      conversationId: "room",
      type: "group",
      creatorId: "ana",
      createdAt: 0,
    });
    const draft = (index: number): Draft => ({
      conversationId: "room",
      senderId: "ana",
      deviceId: "00000000-0000-4000-8000-000000000000",
      clientMessageId: crypto.randomUUID(),
      kind: index === 0 ? "created" : "text",
      createdAt: 0,
      countsAsUnread: index > 0,
      membershipVersion: Math.min(index, 1),
      ...(index === 0 && {
        data: { members: ["bo"] },
        membership: { add: [{ userId: "bo", role: "member" }], remove: [] },
      }),
    });
    const log: StoredEntry[] = [];
    for (let index = 0; index < length; index++) {
      const [outcome] = await store.messages.append([draft(index)]);
      if (outcome?.status === "stored") log.push(outcome.entry);
    }
    const reads: number[] = [];
    const messages: MessageStore = {
      append: (drafts) => store.messages.append(drafts),
      find: (key) => store.messages.find(key),
      wipe: (query) => store.messages.wipe(query),
      heads: (ids) => store.messages.heads(ids),
      read: (query) => {
        reads.push(query.after);
        return store.messages.read({ ...query, limit: page ?? query.limit });
      },
    };
    const codec = createServerCodec();
    const { conversations } = store;
    const deliverer = new Deliverer({
      runtime,
      messages,
      conversations,
      codec,
      atEndOfTurn: queueMicrotask,
      receiptMembers: 100,
      largeGroups: DEFAULT_SETTINGS,
    });
    return {
      deliverer,
      reads,
      log,
      clock,
      messages,
      append: () => store.messages.append([draft(log.length)]),
    };
  }

  class Collector implements Recipient {
    readonly userId = "bo";
    readonly deviceId = "e";
    readonly ids: number[] = [];
    resyncs = 0;
    readonly #codec = createClientCodec();
    deliver(bytes: Uint8Array): void {
      for (const frame of this.#codec.decode(bytes)) {
        if (frame.type === "entries") this.ids.push(...frame.entries.map(({ messageId }) => messageId));
      }
    }
    offer(): boolean {
      return true;
    }
    resync(): void {
      this.resyncs++;
    }
  }

  const hint = (entry: StoredEntry): Envelope => ({
    conversationId: "room",
    head: entry.messageId,
    entries: [entry],
  });

  /** What might follow an entry. */
  function following(entry: StoredEntry, length: number): StoredEntry[] {
    let last = entry;
    return Array.from({ length }, () => {
      const next = { ...last, messageId: last.messageId + 1 };
      return (last = { ...next, fingerprint: chainFingerprint(last.fingerprint, next) });
    });
  }

  async function compare(deliverer: Deliverer): Promise<void> {
    deliverer.beginComparing();
    while (deliverer.isComparing) await deliverer.compare();
  }

  it("reads no store for hints of one turn that are merely out of order", async () => {
    const { deliverer, reads, log } = await withLog(2);
    const bo = new Collector();
    await deliverer.attach(bo);
    const behind = following(log[1]!, 5);
    for (const messageId of [5, 3, 4, 4, 7, 6]) deliverer.receive(hint(behind[messageId - 3]!));
    await new VirtualClock().settle();
    expect(bo.ids).toEqual([3, 4, 5, 6, 7]);
    expect(reads).toEqual([]);
  });

  it("reads no store for what is on its way, for as long as something of it comes", async () => {
    const { deliverer, reads, log, clock } = await withLog(2);
    const bo = new Collector();
    await deliverer.attach(bo);
    // Of three servers, one is always late.
    const behind = following(log[1]!, 6);
    for (const messageId of [4, 3, 6, 5, 8, 7]) {
      deliverer.receive(hint(behind[messageId - 3]!));
      await clock.settle();
      clock.advance(99);
      await clock.settle();
    }
    expect(bo.ids).toEqual([3, 4, 5, 6, 7, 8]);
    expect(reads).toEqual([]);
  });

  it("reads what does not come", async () => {
    const { deliverer, reads, log, clock } = await withLog(3);
    const bo = new Collector();
    const attached = deliverer.attach(bo);
    deliverer.receive(hint(log[0]!));
    await attached;
    deliverer.receive(hint(log[2]!));
    await clock.settle();
    expect(reads).toEqual([]);
    clock.advance(100);
    await clock.settle();
    expect(bo.ids).toEqual([1, 2, 3]);
    expect(reads).toEqual([1]);
  });

  it("reads what is missing, once, and believes the store where a hint names what is not there", async () => {
    const { deliverer, reads, log } = await withLog(4);
    const bo = new Collector();
    // The user is known, but no track is laid yet: the hint of their joining lays it.
    const attached = deliverer.attach(bo);
    deliverer.receive(hint(log[0]!));
    await attached;
    expect(bo.ids).toEqual([1]);
    deliverer.receive(hint(log[3]!));
    deliverer.receive({ conversationId: "room", head: 9, entries: [] });
    await new VirtualClock().settle();
    expect(bo.ids).toEqual([1, 2, 3, 4]);
    expect(reads).toEqual([1, 4]);
    expect(deliverer.headOf("room")).toBe(4);
  });

  it("watches no profile for a session that has ended while it was asked about", async () => {
    const { deliverer } = await withLog(1);
    const bo = new Collector();
    await deliverer.attach(bo);
    deliverer.watchProfiles(bo, ["cy"]);
    expect(deliverer.profiles.watchedAmong(["cy"])).toEqual(["cy"]);
    deliverer.detach(bo);
    deliverer.watchProfiles(bo, ["cy"]);
    expect(deliverer.profiles.watchedAmong(["cy"])).toEqual([]);
  });

  it("reaches a head that it hears of at any moment of an earlier read", async () => {
    for (let moment = 0; moment < 20; moment++) {
      const { deliverer, log } = await withLog(3, 1);
      const bo = new Collector();
      const attached = deliverer.attach(bo);
      deliverer.receive(hint(log[0]!));
      await attached;
      const earlier = deliverer.reach("room", at(2));
      for (let turn = 0; turn < moment; turn++) await Promise.resolve();
      await deliverer.reach("room", at(3));
      expect(deliverer.headOf("room"), `after ${moment} turns`).toBe(3);
      await earlier;
      expect(bo.ids).toEqual([1, 2, 3]);
    }
  });

  it("takes no history for lost where it has delivered more while the store said how far it is", async () => {
    const { deliverer, log, messages, append } = await withLog(3);
    const bo = new Collector();
    await deliverer.attach(bo);
    const heads = messages.heads.bind(messages);
    messages.heads = async (ids) => {
      const answer = await heads(ids);
      const [outcome] = await append();
      if (outcome?.status === "stored") deliverer.receive(hint(outcome.entry));
      return answer;
    };
    await deliverer.reach("room", at(2));
    expect(bo.ids).toEqual([4]);
    expect(bo.resyncs).toBe(0);

    const behind = (await heads(["room"])).get("room")!;
    messages.heads = async () =>
      new Map([["room", { ...behind, head: 2, fingerprint: log[1]!.fingerprint }]]);
    await deliverer.reach("room", at(2));
    expect(bo.resyncs).toBe(1);
  });

  it("delivers nothing on top of what the store has lost: neither what it hears of nor what it reads", async () => {
    const other = await withLog(4);
    for (const isTold of [true, false]) {
      const { deliverer, messages, clock } = await withLog(3);
      const bo = new Collector();
      await deliverer.attach(bo);
      Object.assign(messages, other.messages);
      deliverer.receive(isTold ? hint(other.log[3]!) : { conversationId: "room", head: 4, entries: [] });
      await clock.settle();
      expect([bo.ids, bo.resyncs]).toEqual([[], 1]);
      expect(deliverer.size.tracks).toBe(0);
    }
  });

  it("believes the store where another server tells of what is lost", async () => {
    const { deliverer, clock, append } = await withLog(3);
    const lost = (await withLog(4)).log[3]!;
    const bo = new Collector();
    await deliverer.attach(bo);
    deliverer.receive(hint(lost));
    await clock.settle();
    await append();
    await deliverer.reach("room", at(4));
    expect([bo.ids, bo.resyncs]).toEqual([[4], 0]);
  });

  it("notices that what has removed the last member is lost", async () => {
    const { deliverer, log } = await withLog(3);
    const bo = new Collector();
    await deliverer.attach(bo);
    const members = { kind: "members-removed", data: { members: ["bo"] } };
    const removal = { ...following(log[2]!, 1)[0]!, ...members };
    deliverer.receive(hint(removal));
    expect(deliverer.headOf("room")).toBe(4);
    await compare(deliverer);
    expect(bo.resyncs).toBe(1);
  });

  it("keeps a track that nobody needs only until the change feed has told of what it delivered", async () => {
    const { deliverer, append } = await withLog(3);
    const bo = new Collector();
    await deliverer.attach(bo);
    const [outcome] = await append();
    if (outcome?.status === "stored") deliverer.receive(hint(outcome.entry));
    deliverer.detach(bo);
    expect(deliverer.size.tracks).toBe(1);
    deliverer.told();
    deliverer.told();
    expect(deliverer.size.tracks).toBe(0);
  });

  it("notices another entry at the head that it has delivered", async () => {
    const { deliverer, messages, log } = await withLog(3);
    const other = await withLog(3);
    const bo = new Collector();
    await deliverer.attach(bo);
    await deliverer.reach("room", { head: 3, fingerprint: log[2]!.fingerprint });
    expect(bo.resyncs).toBe(0);
    Object.assign(messages, other.messages);
    await deliverer.reach("room", { head: 3, fingerprint: other.log[2]!.fingerprint });
    expect(bo.resyncs).toBe(1);
  });

  it("compares what it has delivered with what the store holds", async () => {
    const { deliverer, messages, append } = await withLog(3);
    const bo = new Collector();
    await deliverer.attach(bo);
    await compare(deliverer);
    await append();
    await compare(deliverer);
    expect([bo.ids, bo.resyncs]).toEqual([[4], 0]);
    deliverer.detach(bo);
    for (const length of [3, 4, 5]) {
      Object.assign(messages, (await withLog(length)).messages);
      const again = new Collector();
      await deliverer.attach(again);
      await compare(deliverer);
      expect(again.ids).toEqual([]);
      expect(again.resyncs, `a store of ${length}`).toBeGreaterThan(0);
      deliverer.detach(again);
    }
  });

  it("names once more what was delivered before its row had seen it, to sessions that began since, and nothing else", async () => {
    const { deliverer, append } = await withLog(1);
    const bo = new Collector();
    await deliverer.attach(bo);
    const [outcome] = await append();
    if (outcome?.status === "stored") deliverer.receive(hint(outcome.entry));
    const { runs } = deliverer;
    const toldBefore = (): unknown[] => deliverer.movedSince("bo", runs, 9, 0).heads;
    const toldSince = (): unknown[] => deliverer.movedSince("bo", runs, 9, runs).heads;
    await deliverer.reach("room", at(1));
    expect(toldSince()).toEqual([]);
    await deliverer.reach("room", at(2));
    expect(toldSince()).toEqual([{ conversationId: "room", head: 2 }]);
    expect(toldBefore()).toEqual([]);

    // Receipts that moved, say: the row has been told of already.
    const later = deliverer.runs;
    await deliverer.reach("room", at(2));
    expect(deliverer.movedSince("bo", later, 9, later).heads).toEqual([]);
  });

  it("delivers a run that is longer than what may wait early", async () => {
    const { deliverer, log, clock } = await withLog(700);
    const bo = new Collector();
    const attached = deliverer.attach(bo);
    deliverer.receive(hint(log[0]!));
    await attached;
    for (const entry of log.slice(2)) deliverer.receive(hint(entry));
    while (deliverer.headOf("room")! < 700) {
      await clock.settle();
      clock.advance(100);
    }
    expect(bo.ids).toEqual(upTo(700));
  });

  it("forgets tracks with the last session", async () => {
    const { deliverer } = await withLog(1);
    const bo = new Collector();
    await deliverer.attach(bo);
    expect(deliverer.size).toEqual({ users: 1, tracks: 1 });
    deliverer.detach(bo);
    expect(deliverer.size).toEqual({ users: 0, tracks: 0 });
  });
});

describe("what another server tells", () => {
  const LIES: readonly unknown[] = [
    ...[undefined, null, 5, "typing", [], {}, [[]], ["presence"], ["presence", "x", "y", "changes", null]],
    ["presence", "x", "y", "changes", { number: 1 }],
    ["presence", "x", "y", "changes", { number: 1, entries: [5] }],
    ["presence", "x", "y", "all", { number: 1, part: 0, parts: 1, entries: 5 }],
    ["presence", {}, [], "beat", { number: "x" }],
    ["receipts", "room", true, [null]],
    ["receipts", "room", false, [{}]],
    ["typing", "room", null, true],
    ["disconnect", 5, {}],
    [1, "room", 2, []],
    [2, "room", 2],
    [2, "room", 2, [], 5],
    [2, Uint8Array.of(1), 2, [], []],
    [2, "room", 2, [2], [null]],
    [2, "room", 2, [2], [[]]],
    [2, "room", 2, [2], [[1]]],
    [2, "room", 2, [2], [[9, "ana", "d", "c", 0, 2, 0, "x"]]],
    [2, "room", 2, [], [[1, "ana", "d", "c", 0, 2, 0, "x"]]],
    [2, "room", 2, [2], [[1, "ana", "d", "c", 0, 2, 0, 5]]],
    [2, "room", 2, [2], [[1, "ana", "d", "c", 0, 2, 0, "x", null, 5]]],
    [2, "room", NaN, [], []],
    [2, "room", 1e300, [], []],
  ];

  it("ends nothing, however damaged it is, and keeps nobody from a message", async () => {
    const clock = new VirtualClock();
    let hear: (envelope: Uint8Array) => void = () => {};
    const server = await openServer({
      runtime: clock.runtime,
      fanout: {
        publish() {},
        async subscribe(_serverId, handler) {
          hear = handler;
          return () => {};
        },
        async close() {},
      },
    });
    const [ana, bo] = [await RawDevice.open(server, "ana"), await RawDevice.open(server, "bo")];
    await createRoom(ana, ["bo"]);
    for (const lie of LIES) hear(encode(lie));
    hear(Uint8Array.of(0xc1));
    await clock.settle();
    for (let message = 0; message < 3; message++) await server.as("ana").send("room", "hello");
    await clock.settle();
    const heard = bo.received.flatMap((frame) => (frame.type === "entries" ? frame.entries : []));
    expect(heard.map(({ messageId }) => messageId)).toEqual([1, 2, 3, 4]);
  });
});

describe("envelope", () => {
  it("survives the way, and becomes a mere hint when it is large", () => {
    const entries: StoredEntry[] = [
      {
        ...{ conversationId: "room", messageId: 1, senderId: "ana", kind: "text", text: "x" },
        ...{ deviceId: crypto.randomUUID(), clientMessageId: crypto.randomUUID() },
        ...{ createdAt: 1_700_000_000_000, ordinal: 1, fingerprint: 0xffff_ffff },
      },
    ];
    expect(decodeEnvelope(encodeEnvelope({ conversationId: "room", head: 1, entries }))).toEqual({
      conversationId: "room",
      head: 1,
      entries,
    });
    const large = [{ ...entries[0]!, text: "x".repeat(200_000) }];
    expect(decodeEnvelope(encodeEnvelope({ conversationId: "room", head: 1, entries: large }))).toEqual({
      conversationId: "room",
      head: 1,
      entries: [],
    });
    expect(decodeEnvelope(Uint8Array.of(0xc1))).toBeUndefined();
  });

  it("brings every field, in not much more than the text", () => {
    const ids = { conversationId: crypto.randomUUID(), senderId: crypto.randomUUID() };
    const of = (messageId: number, over: Partial<StoredEntry>): StoredEntry => ({
      ...{
        ...ids,
        messageId,
        kind: "text",
        deviceId: crypto.randomUUID(),
        clientMessageId: crypto.randomUUID(),
      },
      ...{ createdAt: 1_700_000_000_000, ordinal: messageId, fingerprint: 0xffff_ffff, ...over },
    });
    const entries = [
      of(7, { text: "x".repeat(100) }),
      of(8, {
        kind: "x-poll",
        data: { question: { of: ["a", 1, null] } },
        replyTo: 7,
        mentions: ["bo", ids.senderId],
      }),
      of(9, { redacted: true }),
    ];
    const envelope = { conversationId: ids.conversationId, head: 9, entries };
    expect(decodeEnvelope(encodeEnvelope(envelope))).toEqual(envelope);
    expect(encodeEnvelope({ ...envelope, entries: entries.slice(0, 1) }).length).toBeLessThanOrEqual(220);
  });
});
