import type { ConversationRow, Entry, MemberReceipt, OwnReceipt } from "@chat/protocol";
import * as CLIENT_LIMITS from "../client-limits.js";
import type { CachedConversation, CacheChanges, OutboxItem } from "../cache/cache.js";
import type { CacheWriter } from "./cache-writer.js";
import { deriveRow } from "./derive-row.js";
import { addSpan, curMax, forgetRanges, rangeAt, truncateRanges } from "./held-ranges.js";
import { mergeOthers, mergeOwn, mergeRow } from "./merge-receipts.js";
import { obey, obeying, obeyingRow } from "./obey.js";
import type { Replica, Span, View } from "./replica.js";

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

function newReplica(row: ConversationRow): Replica {
  return {
    id: row.conversationId,
    row,
    rowVersion: 0,
    ackedRead: row.read,
    mark: undefined,
    ranges: [],
    obeyed: 0,
    redacted: new Map(),
    early: [],
    target: row.head,
    trust: "sure",
    reread: 0,
    appliedAt: 0,
    known: true,
    filling: undefined,
    touched: 0,
    heard: 0,
    view: undefined,
  };
}

function emptyView(loaded: boolean): View {
  return { from: Infinity, entries: [], loaded };
}

/** The highest id that waits for those before it. */
function earlyEnd({ early }: Replica): number {
  return Math.max(0, ...early.map(({ through }) => through));
}

function cachedOf({ row, ranges, obeyed, ackedRead, mark }: Replica): CachedConversation {
  return { row, ranges, obeyed, ...(ackedRead < row.read && { ackedRead }), ...(mark && { mark }) };
}

/** The row with what an answer says of the log beyond its entries. */
function seenIn(row: ConversationRow, { firstId = 1, lastRedaction = 0 }: Span): ConversationRow {
  if (firstId <= row.firstId && lastRedaction <= (row.lastRedaction ?? 0)) return row;
  return {
    ...row,
    firstId: Math.max(firstId, row.firstId),
    ...(lastRedaction > 0 && { lastRedaction: Math.max(lastRedaction, row.lastRedaction ?? 0) }),
  };
}

/** True if both rows say the same. */
function isSame(a: ConversationRow, b: ConversationRow): boolean {
  const keys = Object.keys({ ...a, ...b }) as (keyof ConversationRow)[];
  return keys.every((key) => JSON.stringify(a[key]) === JSON.stringify(b[key]));
}

/** Both lists in one, ascending, each id once. */
function mergeEntries(a: readonly Entry[], b: readonly Entry[]): readonly Entry[] {
  if (b.length === 0) return a;
  if (a.length === 0 || a.at(-1)!.messageId < b[0]!.messageId) return [...a, ...b];
  const byId = new Map([...b, ...a].map((entry) => [entry.messageId, entry]));
  return [...byId.values()].sort((x, y) => x.messageId - y.messageId);
}

export function createReplicas({
  userId,
  writer,
  settle,
  changed,
  arrived,
  receiptMembers,
  rowUnknown,
}: ReplicasEnvironment): Replicas {
  const byId = new Map<string, Replica>();
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

  /** A mark that is based on an older one than the server's has been taken, or came too late. */
  function supersede(replica: Replica, { unread }: Pick<OwnReceipt, "unread">): void {
    if ((unread?.version ?? 0) > (replica.mark?.version ?? Infinity)) replica.mark = undefined;
  }

  /** Keeps the view inside the newest range. */
  function cut({ view, ranges }: Replica): void {
    const newest = ranges.at(-1);
    if (!view?.loaded || newest === undefined) return;
    view.from = view.from > newest.to ? newest.from : Math.max(view.from, newest.from);
    if (view.entries.some((entry) => entry.messageId < view.from)) {
      view.entries = view.entries.filter((entry) => entry.messageId >= view.from);
    }
  }

  /** Forgets what is held up to an id; returns what to commit. */
  function forgetThrough(replica: Replica, through: number): CacheChanges {
    const ranges = forgetRanges(replica.ranges, through);
    if (ranges === replica.ranges) return {};
    const { view } = replica;
    replica.ranges = ranges;
    replica.early = replica.early.filter((span) => span.through > through);
    if (view && ranges.length === 0) replica.view = emptyView(true);
    else if (view) {
      view.from = Math.max(view.from, through + 1);
      view.entries = view.entries.filter(({ messageId }) => messageId > through);
    }
    return { forget: [{ conversationId: replica.id, through }] };
  }

  /** Forgets the log, not the row. */
  function forgetLog(replica: Replica): void {
    const { row, view, filling } = replica;
    Object.assign(replica, { ...newReplica(row), target: 0, known: false, view, filling });
    if (replica.view) replica.view = emptyView(true);
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

  /** Reads anew what is on the screen, as far back as it was. */
  function reopen(replica: Replica): void {
    const { view } = replica;
    if (view) void open(replica, view.loaded && view.from <= curMax(replica.ranges) ? view.from : 0);
    changed(replica);
  }

  /** @param from where the view is to begin, if that is held; else a page from its end */
  async function open(replica: Replica, from = 0): Promise<void> {
    const view = (replica.view = emptyView(false));
    const newest = replica.ranges.at(-1);
    const limit = from > 0 ? Infinity : CLIENT_LIMITS.pageEntries;
    const query = { limit, order: "descending" } as const;
    const first = newest ? Math.max(newest.from, from) : 0;
    const entries = newest
      ? await writer.read(replica.id, { ...query, after: first - 1, before: newest.to + 1 })
      : [];
    // Replaced: what was read is no longer so.
    if (replica.view !== view) return;
    view.loaded = true;
    if (newest) view.from = entries.length < limit ? first : entries[0]!.messageId;
    view.entries = mergeEntries(entries.map(obeying(replica)), view.entries);
    cut(replica);
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
    Object.assign(replica, { ackedRead: row.read, mark: undefined });
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
    reopen(replica);
  }

  return {
    get: (id) => byId.get(id),
    all: () => byId.values(),
    open,

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
      for (const replica of byId.values()) reopen(replica);
    },

    mirror({ reset, removeConversations = [], truncate = [], forget = [], redact = [], ...changes }) {
      const { conversations = [], entries = [] } = changes;
      if (reset) forgetAll();
      for (const id of removeConversations) {
        const replica = byId.get(id);
        if (replica) lose(replica);
      }
      for (const { conversationId, through } of forget) {
        const replica = byId.get(conversationId);
        if (replica) forgetThrough(replica, through);
      }
      for (const conversation of conversations) hold(conversation);
      for (const { conversationId, entries: added } of entries) {
        settle(added);
        const replica = byId.get(conversationId);
        if (!replica?.view) continue;
        replica.view.entries = mergeEntries(replica.view.entries, added);
        cut(replica);
      }
      for (const { conversationId, messageId, userId, below } of redact) {
        const replica = byId.get(conversationId);
        replica?.redacted.set(messageId ?? userId!, below);
        if (replica?.view) replica.view.entries = replica.view.entries.map(obeying(replica));
      }
      for (const { conversationId, above } of truncate) {
        const replica = byId.get(conversationId);
        if (replica) replica.heard = above;
        if (replica) reopen(replica);
      }
      for (const { row } of conversations) changed(byId.get(row.conversationId)!);
    },

    applyRow(row, force = false) {
      let replica = byId.get(row.conversationId);
      if (replica === undefined) {
        byId.set(row.conversationId, (replica = { ...newReplica(row), rowVersion: row.version }));
      } else {
        const { row: old, ranges, known } = replica;
        if (row.version < replica.rowVersion) return replica;
        replica.ackedRead = row.read;
        if (known && !force && row.joinedAt === old.joinedAt) {
          supersede(replica, row);
          row = mergeRow(old, row, replica.rowVersion === 0, replica.mark !== undefined);
        } else replica.mark = undefined;
        replica.rowVersion = row.version;
        if (known && !force && ranges.length > 0) {
          const differs = row.head === old.head && row.headFingerprint !== old.headFingerprint;
          if (differs || row.head < curMax(ranges)) replica.trust = "suspect";
          // Overtaken on its way by entries, or by a backup that was restored: comparing will tell.
          if (row.head < old.head) {
            const { delivered, read, readOrdinal, unread, receipts = old.receipts } = row;
            const told = { ...(unread && { unread }), ...(receipts && { receipts }) };
            replica.row = { ...old, delivered, read, readOrdinal, ...told };
            void commit(replica);
            return replica;
          }
        }
        if (row.joinedAt > old.joinedAt && row.visibleFrom <= curMax(ranges)) {
          replica.reread = row.visibleFrom;
          replica.trust = "suspect";
        }
        replica.target = Math.max(row.head, force ? earlyEnd(replica) : replica.target);
        replica.known = true;
        replica.touched = 0;
        // An entry that was derived here already moved the version, and nothing else.
        if (known && isSame(row, { ...old, version: row.version })) return replica;
        replica.row = obeyingRow(replica, row);
      }
      sawActivity(row);
      replica.appliedAt = ++applied;
      // What the store may have lost is compared before it is forgotten: this device's own part of it is sent again.
      if (replica.trust === "unsure" && (row.lastRedaction ?? 0) > replica.obeyed) replica.trust = "suspect";
      const missed = replica.trust === "suspect" ? 0 : obey(replica).missed;
      void commit(replica, forgetThrough(replica, Math.max(missed, row.firstId - 1)));
      return replica;
    },

    apply(replica, span, live = false) {
      const before = curMax(replica.ranges);
      const { head } = replica.row;
      replica.row = seenIn(replica.row, span);
      const { missed, redact } = obey(replica, span);
      const lowest = replica.row.firstId - 1;
      const forgotten = forgetThrough(replica, Math.max(missed, lowest));
      const { ranges } = replica;
      // An answer that was read before a redaction which this device has missed is no better than what was forgotten.
      const isOld = span.head !== undefined && (span.lastRedaction ?? 0) < missed;
      const after = Math.max(span.after, isOld ? missed : 0, lowest);
      const { through } = span;
      const next = addSpan(ranges, { after, through });
      const current = obeying(replica);
      const entries = span.entries.map(current);
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
      replica.ackedRead = Math.max(replica.ackedRead, receipt.read);
      supersede(replica, receipt);
      const { unread: _, ...row } = replica.row;
      replica.row = { ...row, ...mergeOwn(replica.row, receipt, answered && !replica.mark) };
      void commit(replica);
    },

    refused(replica) {
      const { row, ranges } = replica;
      Object.assign(replica, { ackedRead: row.read, mark: undefined });
      replica.row = { ...row, delivered: Math.max(row.delivered, curMax(ranges)) };
      void commit(replica);
    },

    mark(replica, { unread, ...place }) {
      const { version = 0, from, ordinal } = unread ?? {};
      if (unread) replica.mark = { version, ...(from && { from }) };
      const shown = { version, ...(from && { from, ordinal: ordinal! }) };
      replica.row = { ...replica.row, ...place, ...(unread && { unread: shown }) };
      return commit(replica);
    },

    prepend(replica, from, entries) {
      const { view } = replica;
      if (!view?.loaded || from >= view.from) return;
      view.from = from;
      view.entries = mergeEntries(entries.map(obeying(replica)), view.entries);
      cut(replica);
      changed(replica);
    },

    truncate,

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

    dump() {
      const known = [...byId.values()].filter((replica) => replica.known);
      for (const replica of known) {
        const { view } = replica;
        const to = curMax(replica.ranges);
        const kept = view?.loaded && view.from <= to;
        replica.ranges = kept ? [{ from: view.from, to }] : [];
        if (view && !kept) replica.view = emptyView(true);
      }
      return {
        conversations: known.map(cachedOf),
        entries: known.map(({ id, view }) => ({ conversationId: id, entries: view?.entries ?? [] })),
      };
    },
  };
}
