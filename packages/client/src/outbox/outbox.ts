import { ChatError, type Entry, newUuid } from "@chat/protocol";
import type { CacheChanges, OutboxItem } from "../cache/cache.js";
import * as CLIENT_LIMITS from "../client-limits.js";
import { aborted } from "../runtime/abortable.js";
import { checkContent, type Content } from "./check-content.js";
import { contentOf, type Lane, newLane, newSlot, type Slot } from "./lane.js";
import { createLaneSender } from "./lane-sender.js";
import type { OutboxEnvironment } from "./outbox-environment.js";

/** A message in the outbox. */
interface Sent {
  readonly clientMessageId: string;
  /** Resolves to its entry; rejects when it was refused for good. */
  readonly stored: Promise<Entry>;
}

/** Messages that wait to be stored by the server: in order in each conversation, over restarts, each until it is answered. */
export interface Outbox {
  /**
   * Resolves once the message is kept durably.
   * @param signal takes it out again before that
   * @param failed what it takes the place of, under its key: however many tabs try it again at once, it is one message
   * @throws ChatError
   */
  add(conversationId: string, content: Content, signal?: AbortSignal, failed?: OutboxItem): Promise<Sent>;
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

/**
 * @param senderId the user
 */
export function createOutbox(environment: OutboxEnvironment, senderId: string): Outbox {
  const { runtime, commit, changed } = environment;
  const slots = new Map<string, Slot>();
  const lanes = new Map<string, Lane>();
  const sender = createLaneSender(environment, senderId, touched);
  const { pump } = sender;
  let sequence = 0;
  let closed = false;

  function laneOf(conversationId: string): Lane {
    let lane = lanes.get(conversationId);
    if (lane === undefined) lanes.set(conversationId, (lane = newLane()));
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
    // Another tab may have counted on at the same time, or have put a failed one behind the others.
    lane.slots.sort((a, b) => a.item.sequence - b.item.sequence);
    sequence = Math.max(sequence, item.sequence);
    if (item.failure) slot.reject(new ChatError(item.failure.code, item.failure.message));
    pump(lane);
  }

  function drop(clientMessageId: string): void {
    const slot = slots.get(clientMessageId);
    if (slot) take(slot);
  }

  function mirror({
    putOutbox = [],
    removeOutbox = [],
  }: Pick<CacheChanges, "putOutbox" | "removeOutbox">): void {
    putOutbox.forEach(put);
    removeOutbox.forEach(drop);
  }

  function take(slot: Slot): void {
    const { clientMessageId, conversationId } = slot.item;
    slot.ticket = 0;
    slots.delete(clientMessageId);
    const lane = touched(conversationId);
    lane.slots = lane.slots.filter((other) => other !== slot);
    sender.settle(lane);
  }

  function failed(clientMessageId: string): OutboxItem {
    const item = slots.get(clientMessageId)?.item;
    if (!item?.failure) throw new ChatError("not_found", "No failed message has this key.");
    return item;
  }

  return {
    async add(conversationId, content, signal, failed) {
      if (signal?.aborted) throw aborted(signal);
      if (closed) throw new ChatError("closed", "This client was closed.");
      checkContent(content, environment.textCharacters());
      if (slots.size >= CLIENT_LIMITS.outboxItems) {
        throw new ChatError("limit_exceeded", `${CLIENT_LIMITS.outboxItems} messages wait already.`);
      }
      const { data } = content;
      const createdAt = runtime.clock.now();
      const item: OutboxItem = {
        clientMessageId: failed?.clientMessageId ?? newUuid(runtime.random, createdAt),
        conversationId,
        sequence: ++sequence,
        createdAt,
        ...contentOf(content),
        // The caller may go on changing its own object.
        ...(data !== undefined && { data: structuredClone(data) }),
      };
      drop(item.clientMessageId);
      const slot = enqueue(item, "saving");
      await commit({ putOutbox: [item] }, "strict");
      if (signal?.aborted && slot.state === "saving") {
        const back = failed ? { putOutbox: [failed] } : { removeOutbox: [item.clientMessageId] };
        drop(item.clientMessageId);
        mirror(back);
        await commit(back, "strict");
        throw aborted(signal);
      }
      if (slot.state === "saving") slot.state = "waiting";
      pump(laneOf(conversationId));
      return { clientMessageId: item.clientMessageId, stored: slot.stored };
    },

    failed,

    async remove(clientMessageId) {
      failed(clientMessageId);
      drop(clientMessageId);
      await commit({ removeOutbox: [clientMessageId] }, "strict");
    },

    of(conversationId) {
      const lane = laneOf(conversationId);
      return (lane.items ??= lane.slots.map(({ item }) => item));
    },

    acknowledgedIn: (conversationId) =>
      laneOf(conversationId).slots.flatMap(({ state, entry }) => (state === "stored" && entry ? entry : [])),

    all: () => [...slots.values()].map(({ item }) => item),

    mirror,

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
        const slot = slots.get(entry.clientMessageId ?? "");
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
      sender.online = true;
      for (const lane of lanes.values()) {
        lane.cancel();
        lane.stalled = false;
        for (const slot of lane.slots) if (slot.state !== "saving") slot.state = "waiting";
        pump(lane);
      }
    },

    disconnected() {
      sender.online = false;
    },

    close() {
      closed = true;
      sender.online = false;
      for (const [, lane] of lanes) lane.cancel();
      for (const [, slot] of slots) slot.reject(new ChatError("closed", "This client was closed."));
    },

    get pending() {
      return [...slots.values()].filter(({ item }) => !item.failure).length;
    },
  };
}
