import {
  type Cancel,
  ChatError,
  type Entry,
  ENTRY_KINDS,
  isChatError,
  newUuid,
  type Runtime,
  tombstoneOf,
} from "@chat/protocol";
import type { CacheChanges, OutboxItem } from "../cache/cache.js";
import * as CLIENT_LIMITS from "../client-limits.js";
import type { Ask } from "../connection/requests.js";
import { aborted } from "../runtime/abortable.js";
import { backoff } from "../runtime/backoff.js";
import { defined } from "../runtime/defined.js";
import { checkContent, type Content } from "./check-content.js";

/** What the outbox needs of its surroundings. */
export interface OutboxEnvironment {
  readonly runtime: Runtime;
  readonly ask: Ask;
  commit(changes: CacheChanges, durability: "strict"): Promise<void>;
  /** Code points of one message's text that the server accepts. */
  textCharacters(): number;
  /** The server has stored it as this entry. It stays in the outbox until that is committed. */
  acknowledged(entry: Entry, conversationId: string): void;
  /** A message had no answer in time: asks for a new connection. */
  stuck(): void;
  /** What waits in a conversation changed. */
  changed(conversationId: string): void;
}

/** A message in the outbox. */
interface Sent {
  readonly clientMessageId: string;
  /** Resolves to its entry; rejects when it was refused for good. */
  readonly stored: Promise<Entry>;
}

/** Messages that wait to be stored by the server: in order in each conversation, over restarts, each until it is answered. */
export interface Outbox {
  /** Resolves once the message is kept durably. @param signal takes it out again before that @throws ChatError */
  add(conversationId: string, content: Content, signal?: AbortSignal): Promise<Sent>;
  /** A failed message. @throws ChatError `not_found` */
  failed(clientMessageId: string): OutboxItem;
  /** Removes a failed message. @throws ChatError `not_found` */
  remove(clientMessageId: string): Promise<void>;
  /** What waits in a conversation, by sequence; the same array until something changed. */
  of(conversationId: string): readonly OutboxItem[];
  all(): readonly OutboxItem[];
  /** Takes what another tab has committed. */
  mirror(changes: Pick<CacheChanges, "putOutbox" | "removeOutbox">): void;
  /** Takes what the cache holds, by sequence, instead of what was in memory. @returns messages that are not in it any more */
  load(items: readonly OutboxItem[]): readonly OutboxItem[];
  /** Takes out what these entries are, before they are committed; returns what to remove in the same commit. */
  settle(entries: readonly Entry[]): readonly string[];
  /** The server has lost these entries, and all above an id: queues them before everything else of the conversation; returns what to commit. */
  putBack(conversationId: string, entries: readonly Entry[], above: number): readonly OutboxItem[];
  /** Entries that were acknowledged, and are not committed yet. */
  acknowledgedIn(conversationId: string): readonly Entry[];
  /** There is a connection: everything unanswered is sent again. */
  connected(): void;
  disconnected(): void;
  /** Rejects what is awaited; what waits stays in the cache. */
  close(): void;
  /** Messages that wait; failed ones do not. */
  readonly pending: number;
}

interface Slot {
  item: OutboxItem;
  /** `saving`: not durable yet. `waiting`: to be sent. `sent`: unanswered. `stored`: acknowledged, its entry not yet committed. */
  state: "saving" | "waiting" | "sent" | "stored";
  /** Names the send whose answer counts. */
  ticket: number;
  /** What it became, once acknowledged. */
  entry?: Entry;
  resolve(entry: Entry): void;
  reject(error: ChatError): void;
  readonly stored: Promise<Entry>;
}

interface Lane {
  /** By sequence. */
  slots: Slot[];
  /** What `of` returns, until something changes. */
  items: readonly OutboxItem[] | undefined;
  /** After a retryable failure nothing is sent until everything in flight was answered and the wait is over. */
  stalled: boolean;
  wait: number | undefined;
  attempt: number;
  cancel: Cancel;
}

function newSlot(item: OutboxItem, state: Slot["state"]): Slot {
  let resolve: Slot["resolve"] = () => {};
  let reject: Slot["reject"] = () => {};
  const stored = new Promise<Entry>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  // Nobody has to wait for it.
  stored.catch(() => {});
  return { item, state, ticket: 0, resolve, reject, stored };
}

/** What entries and outbox items have in common. */
function contentOf({ text, kind, data, replyTo }: Content): Content {
  return defined({ text, kind: kind === ENTRY_KINDS.text ? undefined : kind, data, replyTo });
}

/**
 * @param senderId the user
 */
export function createOutbox(environment: OutboxEnvironment, senderId: string): Outbox {
  const { runtime, ask, commit, changed } = environment;
  const slots = new Map<string, Slot>();
  const lanes = new Map<string, Lane>();
  let sequence = 0;
  let tickets = 0;
  let online = false;
  let closed = false;

  function laneOf(conversationId: string): Lane {
    let lane = lanes.get(conversationId);
    if (lane === undefined) {
      lane = { slots: [], items: [], stalled: false, wait: undefined, attempt: 0, cancel: () => {} };
      lanes.set(conversationId, lane);
    }
    return lane;
  }

  function touched(conversationId: string): Lane {
    const lane = laneOf(conversationId);
    lane.items = undefined;
    changed(conversationId);
    return lane;
  }

  function enqueue(item: OutboxItem, state: Slot["state"]): Slot {
    const slot = newSlot(item, state);
    slots.set(item.clientMessageId, slot);
    touched(item.conversationId).slots.push(slot);
    return slot;
  }

  function put(item: OutboxItem): void {
    const slot = slots.get(item.clientMessageId) ?? enqueue(item, "waiting");
    slot.item = item;
    const lane = touched(item.conversationId);
    // Another tab may have counted on at the same time.
    if (item.sequence <= sequence) lane.slots.sort((a, b) => a.item.sequence - b.item.sequence);
    sequence = Math.max(sequence, item.sequence);
    if (item.failure) slot.reject(new ChatError(item.failure.code, item.failure.message));
    pump(lane);
  }

  function drop(clientMessageId: string): void {
    const slot = slots.get(clientMessageId);
    if (slot) take(slot);
  }

  /** Sends what may be sent now. */
  function pump(lane: Lane): void {
    if (!online || lane.stalled) return;
    let inFlight = lane.slots.filter(({ state }) => state === "sent").length;
    for (const slot of lane.slots) {
      // What is not durable yet holds up what is behind it, or else the order would depend on the storage.
      if (slot.state === "saving" || inFlight >= CLIENT_LIMITS.sendWindow) return;
      if (slot.state === "waiting" && !slot.item.failure) void transmit(lane, slot, inFlight++ === 0);
    }
  }

  async function transmit(lane: Lane, slot: Slot, first: boolean): Promise<void> {
    const { clientMessageId, conversationId } = slot.item;
    const content = contentOf(slot.item);
    const ticket = (slot.ticket = ++tickets);
    slot.state = "sent";
    try {
      const { messageId, createdAt, ordinal, fingerprint, rewritten, redacted } = await ask(
        {
          type: "send-message",
          conversationId,
          clientMessageId,
          ...content,
          first: first || undefined,
        },
        { mode: "once" },
      );
      if (slot.ticket !== ticket) return;
      slot.state = "stored";
      lane.attempt = 0;
      const entry = defined({
        ...{ messageId, senderId, createdAt, ordinal, fingerprint, clientMessageId, ...content },
        ...(rewritten && { text: rewritten.text, data: rewritten.data }),
      });
      slot.entry = redacted ? tombstoneOf(entry) : entry;
      environment.acknowledged(slot.entry, conversationId);
    } catch (error) {
      // Answered by its entry meanwhile, or sent again over another connection.
      if (slot.ticket !== ticket) return;
      slot.state = "waiting";
      const { code, message, retryable, retryAfter } = isChatError(error)
        ? error
        : new ChatError("internal", String(error));
      if (!retryable && code !== "closed") {
        lane.attempt = 0;
        fail(slot, new ChatError(code, message));
      } else {
        lane.stalled = true;
        // Perhaps it is still under way: only over a new connection is it known to be the first.
        if (code === "timeout") environment.stuck();
        if (code !== "out_of_order") lane.wait ??= retryAfter;
      }
    }
    settleLane(lane);
  }

  function settleLane(lane: Lane): void {
    if (!lane.stalled) return pump(lane);
    if (!online || lane.slots.some(({ state }) => state === "sent")) return;
    lane.cancel();
    lane.cancel = runtime.clock.schedule(lane.wait ?? backoff(runtime.random, lane.attempt++), () => {
      lane.stalled = false;
      pump(lane);
    });
    lane.wait = undefined;
  }

  function fail(slot: Slot, error: ChatError): void {
    const { code, message } = error;
    slot.item = { ...slot.item, failure: { code, message } };
    touched(slot.item.conversationId);
    void commit({ putOutbox: [slot.item] }, "strict");
    slot.reject(error);
  }

  function take(slot: Slot): void {
    const { clientMessageId, conversationId } = slot.item;
    slot.ticket = 0;
    slots.delete(clientMessageId);
    const lane = touched(conversationId);
    lane.slots = lane.slots.filter((other) => other !== slot);
    settleLane(lane);
  }

  function failed(clientMessageId: string): OutboxItem {
    const item = slots.get(clientMessageId)?.item;
    if (!item?.failure) throw new ChatError("not_found", "No failed message has this key.");
    return item;
  }

  return {
    async add(conversationId, content, signal) {
      if (signal?.aborted) throw aborted(signal);
      if (closed) throw new ChatError("closed", "This client was closed.");
      checkContent(content, environment.textCharacters());
      if (slots.size >= CLIENT_LIMITS.outboxItems) {
        throw new ChatError("limit_exceeded", `${CLIENT_LIMITS.outboxItems} messages wait already.`);
      }
      const { data } = content;
      const createdAt = runtime.clock.now();
      const item: OutboxItem = {
        clientMessageId: newUuid(runtime.random, createdAt),
        conversationId,
        sequence: ++sequence,
        createdAt,
        ...contentOf(content),
        // The caller may go on changing its own object.
        ...(data !== undefined && { data: structuredClone(data) }),
      };
      const slot = enqueue(item, "saving");
      await commit({ putOutbox: [item] }, "strict");
      if (signal?.aborted && slot.state === "saving") {
        take(slot);
        await commit({ removeOutbox: [item.clientMessageId] }, "strict");
        throw aborted(signal);
      }
      if (slot.state === "saving") slot.state = "waiting";
      pump(laneOf(conversationId));
      return { clientMessageId: item.clientMessageId, stored: slot.stored };
    },

    failed,

    async remove(clientMessageId) {
      failed(clientMessageId);
      take(slots.get(clientMessageId)!);
      await commit({ removeOutbox: [clientMessageId] }, "strict");
    },

    of(conversationId) {
      const lane = laneOf(conversationId);
      return (lane.items ??= lane.slots.map(({ item }) => item));
    },

    acknowledgedIn: (conversationId) =>
      laneOf(conversationId).slots.flatMap(({ state, entry }) => (state === "stored" && entry ? entry : [])),

    all: () => [...slots.values()].map(({ item }) => item),

    mirror({ putOutbox = [], removeOutbox = [] }) {
      putOutbox.forEach(put);
      removeOutbox.forEach(drop);
    },

    load(items) {
      const kept = new Set(items.map(({ clientMessageId }) => clientMessageId));
      items.forEach(put);
      return [...slots.values()].flatMap(({ item, state }) =>
        kept.has(item.clientMessageId) || state === "saving" ? [] : item,
      );
    },

    settle(entries) {
      const settled: string[] = [];
      for (const entry of entries) {
        const slot = entry.clientMessageId === undefined ? undefined : slots.get(entry.clientMessageId);
        if (slot === undefined) continue;
        settled.push(slot.item.clientMessageId);
        slot.resolve(entry);
        // Its push may come before its acknowledgement, which then concerns nobody any more.
        laneOf(slot.item.conversationId).attempt = 0;
        take(slot);
      }
      return settled;
    },

    putBack(conversationId, entries, above) {
      const lane = laneOf(conversationId);
      const before = lane.slots;
      lane.slots = [];
      for (const entry of entries) {
        const { createdAt } = entry;
        const clientMessageId = entry.clientMessageId!;
        const { replyTo, ...content } = contentOf(entry);
        // Above the common prefix another entry may have that id now.
        const kept = replyTo !== undefined && replyTo <= above && { replyTo };
        enqueue({ clientMessageId, conversationId, sequence: 0, createdAt, ...content, ...kept }, "waiting");
      }
      lane.slots.push(...before);
      for (const slot of lane.slots) {
        slot.item = { ...slot.item, sequence: ++sequence };
        // Acknowledgements that waited went with what diverged.
        if (slot.state === "stored") slot.state = "waiting";
      }
      // Later sends may be in flight: those that come back go out behind them, and all later ones behind these.
      pump(lane);
      return lane.slots.map(({ item }) => item);
    },

    connected() {
      online = true;
      for (const lane of lanes.values()) {
        lane.cancel();
        lane.stalled = false;
        for (const slot of lane.slots) if (slot.state !== "saving") slot.state = "waiting";
        pump(lane);
      }
    },

    disconnected() {
      online = false;
    },

    close() {
      closed = true;
      online = false;
      for (const [, lane] of lanes) lane.cancel();
      for (const [, slot] of slots) slot.reject(new ChatError("closed", "This client was closed."));
    },

    get pending() {
      let pending = 0;
      for (const [, { item }] of slots) if (!item.failure) pending++;
      return pending;
    },
  };
}
