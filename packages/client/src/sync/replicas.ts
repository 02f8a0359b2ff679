import type { ConversationRow, Entry, MemberReceipt, OwnReceipt } from "@chat/protocol";
import * as CLIENT_LIMITS from "../client-limits.js";
import type { CachedConversation, CacheChanges, OutboxItem } from "../cache/cache.js";
import type { CacheWriter } from "./cache-writer.js";
import { createViews } from "./create-views.js";
import { deriveRow } from "./derive-row.js";
import { dumpReplicas } from "./dump-replicas.js";
import { addSpan, curMax, rangeAt, truncateRanges } from "./held-ranges.js";
import { mergeOthers } from "./merge-receipts.js";
import { mirrorChanges } from "./mirror-changes.js";
import { obey, obeying, obeyingRow } from "./obey.js";
import { cachedOf, forgetLog, forgetThrough, newReplica, type Replica, type Span } from "./replica.js";
import { takeMark, takeOwnReceipt, takeRefusal } from "./take-receipts.js";
import { seenIn, takeRow } from "./take-row.js";
import { cut, mergeEntries } from "./view.js";

/** What replicas need of their surroundings. */
export interface ReplicasEnvironment {
  readonly userId: string;
  readonly writer: Pick<CacheWriter, "commit" | "read">;
  /** Entries are about to be committed: takes those of this device out of the outbox and returns their clientMessageIds. */
  settle(entries: readonly Entry[]): readonly string[];
  /** The row or the log of a conversation changed. */
  changed(replica: Replica): void;
  /** An entry continued what was held. In order, each once. */
  arrived(replica: Replica, entry: Entry): void;
  /** Up to so many members of a conversation are told how far each other has come. */
  receiptMembers(): number;
  /** Entries below this span were never seen, so that its row can't be derived. */
  rowUnknown(replica: Replica): void;
  /** What was held may have missed a redaction, and is gone: it has to be fetched anew. */
  forgot(replica: Replica): void;
}

/** All conversations of this device. Memory is changed at once and together; the cache follows in order. */
export interface Replicas {
  get(id: string): Replica | undefined;
  all(): Iterable<Replica>;
  /** Takes what the cache holds, instead of what was in memory. */
  load(cached: readonly CachedConversation[]): void;
  /** Takes what another tab has committed. */
  mirror(changes: CacheChanges): void;
  /**
   * Takes a row of the server, unless this connection has brought a newer one. A new membership that begins below what is
   * held makes more of it visible: the log is then read anew from there on. A row never moves a head backwards; one
   * that would makes the replica suspect.
   * @param force the row is known to be newer than what is held
   */
  applyRow(row: ConversationRow, force?: boolean): Replica;
  /** Adds a span, wherever it lies. @param live it was pushed or acknowledged, not asked for */
  apply(replica: Replica, span: Span, live?: boolean): void;
  /** Takes how far other members have come. */
  receipts(conversationId: string, receipts: readonly MemberReceipt[]): void;
  /** Takes how far the user has come, by the server. @param answered it answers what this device has said */
  ownReceipt(receipt: OwnReceipt, answered?: boolean): void;
  /** The server refuses for good what this device has said: it is not said again. */
  refused(replica: Replica): void;
  /** Takes how far the user has come, by this device. A mark comes with the version that it is based on. Resolves once it is kept. */
  mark(
    replica: Replica,
    own: Partial<Pick<ConversationRow, "read" | "readOrdinal" | "unread">>,
  ): Promise<void>;
  /** Reads what the timeline shows first. */
  open(replica: Replica): Promise<void>;
  /** Adds entries of a held span before the view. */
  prepend(replica: Replica, from: number, entries: readonly Entry[]): void;
  /** Goes back to the common prefix of a divergence. */
  truncate(replica: Replica, above: number, row: ConversationRow, putOutbox: readonly OutboxItem[]): void;
  /** Everything is of another history: forgets it, the rows' names excepted until they are listed anew. */
  reset(): void;
  /** The conversation is no longer the user's. */
  drop(replica: Replica): void;
  /** `appliedAt` of the newest change. */
  applied(): number;
  /** How many times live entries have moved conversations up the list. */
  touches(): number;
  /** Puts what was moved up since then above rows that the server read before. */
  retouch(since: number): void;
  /** All that is in memory. What is only in the cache is no longer held from then on. */
  dump(): CacheChanges;
}

export function createReplicas({
  userId,
  writer,
  settle,
  changed,
  arrived,
  receiptMembers,
  rowUnknown,
  forgot,
}: ReplicasEnvironment): Replicas {
  const byId = new Map<string, Replica>();
  const views = createViews(writer, changed);
  let maxActivity = 0;
  let touches = 0;
  let applied = 0;

  function sawActivity({ activity }: ConversationRow): void {
    maxActivity = Math.max(maxActivity, activity);
  }

  /** Takes a conversation as the cache has it. */
  function hold({ row, ranges, obeyed = 0, ackedRead = row.read, mark }: CachedConversation): Replica {
    let replica = byId.get(row.conversationId);
    if (replica === undefined) byId.set(row.conversationId, (replica = newReplica(row)));
    const { view, heard, redacted } = replica;
    const target = Math.max(row.head, curMax(ranges));
    Object.assign(replica, {
      ...newReplica(row),
      rowVersion: row.version,
      ...{ ackedRead, mark, ranges, obeyed, redacted },
      target,
      view,
      heard: Math.max(heard, curMax(ranges)),
    });
    sawActivity(row);
    cut(replica);
    return replica;
  }

  function commit(replica: Replica, more?: CacheChanges): Promise<void> {
    // Seldom awaited: it never rejects, and memory is ahead of the cache in any case.
    const kept = writer.commit({ ...more, conversations: [cachedOf(replica)] });
    changed(replica);
    return kept;
  }

  /** Takes out what waits for what was before it, and is kept no more itself: it waits for nothing. */
  function takeGone(replica: Replica): readonly Entry[] {
    const gone = replica.early.filter(({ through }) => through < replica.row.firstId);
    replica.early = replica.early.filter((span) => !gone.includes(span));
    return gone.flatMap(({ entries }) => entries);
  }

  function forgetAll(): void {
    maxActivity = 0;
    for (const replica of byId.values()) {
      forgetLog(replica);
      const { latest: _, ...row } = replica.row;
      replica.row = { ...row, activity: 0, head: 0, headFingerprint: 0, headOrdinal: 0 };
      changed(replica);
    }
  }

  /** The row, with others' receipts only where the server tells of them. */
  function toldOf(replica: Replica): ConversationRow {
    const { receipts, ...row } = replica.row;
    const isTold = row.memberCount <= receiptMembers();
    if (isTold && !receipts && row.member) rowUnknown(replica);
    return isTold || !receipts ? replica.row : row;
  }

  function lose(replica: Replica): void {
    forgetLog(replica);
    replica.row = { ...replica.row, member: false, head: 0 };
    changed(replica);
  }

  function truncate(
    replica: Replica,
    above: number,
    row: ConversationRow,
    putOutbox: readonly OutboxItem[],
  ): void {
    replica.ranges = truncateRanges(replica.ranges, above);
    const obeyed = Math.min(replica.obeyed, above);
    Object.assign(replica, { row, obeyed, early: [], trust: "sure", target: row.head, heard: above });
    void writer.commit(
      {
        truncate: [{ conversationId: replica.id, above }],
        conversations: [cachedOf(replica)],
        putOutbox,
      },
      "strict",
    );
    // A new view, so that a read which is under way is not believed.
    views.reopen(replica);
  }

  return {
    get: (id) => byId.get(id),
    all: () => byId.values(),

    load(cached) {
      const gone = new Set(byId.values());
      const newestFirst = [...cached].sort((a, b) => b.row.activity - a.row.activity);
      for (const [index, conversation] of newestFirst.entries()) {
        const replica = hold(conversation);
        gone.delete(replica);
        // Where the last page ended between two cursors, the newest conversations hold what no cursor vouches for.
        replica.appliedAt = index < CLIENT_LIMITS.comparedConversations ? ++applied : 0;
      }
      gone.forEach(lose);
      for (const replica of byId.values()) views.reopen(replica);
    },

    mirror: (changes) =>
      mirrorChanges(changes, { byId, hold, lose, forgetAll, settle, changed, reopen: views.reopen }),

    applyRow(row, force = false) {
      let replica = byId.get(row.conversationId);
      if (replica === undefined) {
        byId.set(row.conversationId, (replica = { ...newReplica(row), rowVersion: row.version }));
      } else {
        const outcome = takeRow(replica, row, force);
        if (outcome === "partly") void commit(replica);
        if (outcome !== "taken") return replica;
      }
      sawActivity(row);
      replica.appliedAt = ++applied;
      // What the store may have lost is compared before it is forgotten: this device's own part of it is sent again.
      if (replica.trust === "unsure" && (row.lastRedaction ?? 0) > replica.obeyed) replica.trust = "suspect";
      const missed = replica.trust === "suspect" ? 0 : obey(replica).missed;
      const removeOutbox = settle(takeGone(replica));
      void commit(replica, { ...forgetThrough(replica, Math.max(missed, row.firstId - 1)), removeOutbox });
      return replica;
    },

    apply(replica, span, live = false) {
      const before = curMax(replica.ranges);
      const { head } = replica.row;
      replica.row = seenIn(replica.row, span);
      const { missed, redact } = obey(replica, span);
      const lowest = replica.row.firstId - 1;
      const gone = takeGone(replica);
      const forgotten = forgetThrough(replica, Math.max(missed, lowest));
      // Once this span is taken in.
      if (forgotten.forget) void Promise.resolve().then(() => forgot(replica));
      const { ranges } = replica;
      // An answer that was read before a redaction which this device has missed is no better than what was forgotten.
      const isOld = span.head !== undefined && (span.lastRedaction ?? 0) < missed;
      const after = Math.max(span.after, isOld ? missed : 0, lowest);
      const { through } = span;
      const next = addSpan(ranges, { after, through });
      const current = obeying(replica);
      const entries = [...gone, ...span.entries].map(current);
      if (next === ranges) {
        // What is no longer kept is no reason to send it again.
        const removeOutbox = settle(entries.filter(({ messageId }) => messageId <= lowest));
        if (forgotten.forget || removeOutbox.length > 0) void commit(replica, { ...forgotten, removeOutbox });
        return;
      }
      const fresh = entries.filter(
        ({ messageId: id }) => id > after && id <= through && !rangeAt(ranges, id),
      );
      const continues = before > 0 ? span.after <= before : live;
      // Something between was not seen: who came or went in it is not known.
      if (
        fresh.some(
          ({ messageId }, index) => messageId > (fresh[index - 1]?.messageId ?? replica.row.head) + 1,
        )
      ) {
        rowUnknown(replica);
      }
      replica.ranges = next;
      replica.appliedAt = ++applied;
      replica.target = Math.max(replica.target, through);
      for (const entry of fresh) {
        const { read } = replica.row;
        replica.row = deriveRow(replica.row, entry, maxActivity + 1, userId);
        // By a message of one's own, which the server has seen first.
        if (replica.row.read > read) Object.assign(replica, { ackedRead: replica.row.read, mark: undefined });
        if (replica.row.activity > maxActivity) {
          maxActivity = replica.row.activity;
          replica.touched = ++touches;
        }
      }
      replica.row = obeyingRow(replica, toldOf(replica));
      const removeOutbox = settle(entries);
      const { view } = replica;
      if (view) {
        view.entries = mergeEntries(view.entries, fresh);
        if (redact.length > 0) view.entries = view.entries.map(current);
        cut(replica);
      }
      const added = [{ conversationId: replica.id, entries: fresh }];
      void commit(replica, { ...forgotten, entries: added, redact, removeOutbox });
      const { heard } = replica;
      replica.heard = Math.max(heard, through);
      for (const entry of fresh) {
        // Neither what was asked for of the past, nor what the row counted already when it came.
        if (entry.messageId > heard && (continues || entry.messageId > head)) arrived(replica, entry);
      }
    },

    receipts(conversationId, receipts) {
      const replica = byId.get(conversationId);
      const row = replica && mergeOthers(replica.row, receipts);
      if (!row || row === replica.row) return;
      replica.row = row;
      void commit(replica);
    },

    ownReceipt({ conversationId, ...receipt }, answered = false) {
      const replica = byId.get(conversationId);
      if (!replica?.row.member) return;
      takeOwnReceipt(replica, receipt, answered);
      void commit(replica);
    },

    refused(replica) {
      takeRefusal(replica);
      void commit(replica);
    },

    mark(replica, own) {
      takeMark(replica, own);
      return commit(replica);
    },

    truncate,
    open: (replica) => views.open(replica),
    prepend: views.prepend,

    reset() {
      forgetAll();
      void writer.commit({ reset: true });
    },

    drop(replica) {
      void writer.commit({ removeConversations: [replica.id] });
      lose(replica);
    },

    applied: () => applied,
    touches: () => touches,

    retouch(since) {
      const moved = [...byId.values()].filter(({ touched }) => touched > since);
      for (const replica of moved.sort((a, b) => a.touched - b.touched)) {
        replica.row = { ...replica.row, activity: ++maxActivity };
        void commit(replica);
      }
    },

    dump: () => dumpReplicas(byId.values()),
  };
}
