import type { ConversationRow, Entry } from "@chat/protocol";
import type { CacheChanges, CachedConversation, HeldRange } from "../cache/cache.js";
import { curMax, forgetRanges } from "./held-ranges.js";
import { emptyView, type View } from "./view.js";

/** A piece of a log, with authority: what lies in (after, through] is `entries`, and nothing else exists there for this user. */
export interface Span {
  readonly after: number;
  readonly through: number;
  /** Ascending. */
  readonly entries: readonly Entry[];
  /** Of an answer: what it reflects, and what the server still keeps. Absent on what was pushed or acknowledged. */
  readonly head?: number;
  readonly firstId?: number;
  readonly lastRedaction?: number;
}

/** One conversation as this device has it in memory. Only `sync/` changes it. */
export interface Replica {
  readonly id: string;
  row: ConversationRow;
  /** The version of the newest row that this connection brought; 0 before the first. What is older was overtaken on its way. */
  rowVersion: number;
  /** The row's `read` as far as the server has acknowledged it. */
  ackedRead: number;
  mark: CachedConversation["mark"];
  ranges: readonly HeldRange[];
  /** messageId of the newest redaction that everything held reflects. */
  obeyed: number;
  /**
   * What was redacted since the connection began: an entry that was read before may still be on its way.
   * messageId, or userId of an erasure, to the id of the entry that says so.
   */
  redacted: Map<number | string, number>;
  /** Spans that lie beyond what is held and wait for those before them. */
  early: Span[];
  /** The highest id that is known to exist. */
  target: number;
  /**
   * Whether what is held is known to be the server's. With each connection it is in doubt: a restored backup may have
   * given the same ids to other entries, and nothing live may be put on top of what the server does not have.
   * `unsure`: the change feed will tell. `suspect`: its end must be compared with the server's.
   */
  trust: "sure" | "unsure" | "suspect";
  /**
   * The id from which on what is held may lack what a new membership shows; 0 if none. It is forgotten once it was
   * compared: of another history this device's own messages must first go back into the outbox.
   */
  reread: number;
  /** Rises with every change of some replica; what the cursor vouches for lies below a number of it. */
  appliedAt: number;
  /** False while the row is not the server's: the store's history is another one, or the conversation is gone. */
  known: boolean;
  /** The fill that is under way; resolves to true if nothing is missing after it. */
  filling: Promise<boolean> | undefined;
  /** Rises with the order in which live entries moved conversations up the list; 0 if the row's activity is the server's. */
  touched: number;
  /** The highest id that was ever held: entries up to it are told to nobody again. */
  heard: number;
  view: View | undefined;
}

/** A replica of which nothing but the row is held. */
export function newReplica(row: ConversationRow): Replica {
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

/** What the cache keeps of it. */
export function cachedOf({ row, ranges, obeyed, ackedRead, mark }: Replica): CachedConversation {
  return { row, ranges, obeyed, ...(ackedRead < row.read && { ackedRead }), ...(mark && { mark }) };
}

/** True if everything that is known to exist above the start of the newest range is held. */
export function isCaughtUp(replica: Replica): boolean {
  // Where nothing is kept any more, nothing is missing.
  const held = Math.max(curMax(replica.ranges), replica.row.firstId - 1);
  return replica.trust !== "suspect" && held >= replica.target;
}

/** True if this device keeps the conversation's log, rather than its row only. */
export function isFollowed(replica: Replica): boolean {
  return replica.ranges.length > 0 || replica.view !== undefined;
}

/** The highest id that waits for those before it. */
export function earlyEnd({ early }: Replica): number {
  return Math.max(0, ...early.map(({ through }) => through));
}

/** Forgets what is held up to an id; returns what to commit. */
export function forgetThrough(replica: Replica, through: number): CacheChanges {
  const ranges = forgetRanges(replica.ranges, through);
  if (ranges === replica.ranges) return {};
  const { view } = replica;
  replica.ranges = ranges;
  replica.early = replica.early.filter((span) => span.through > through);
  if (ranges.length === 0) {
    // Where nothing is held, nothing is in doubt, and there is nothing to be compared.
    replica.trust = "sure";
    if (view) replica.view = emptyView(true);
  } else if (view) {
    view.from = Math.max(view.from, through + 1);
    view.entries = view.entries.filter(({ messageId }) => messageId > through);
  }
  return { forget: [{ conversationId: replica.id, through }] };
}

/** Forgets the log, not the row. */
export function forgetLog(replica: Replica): void {
  const { row, view, filling } = replica;
  Object.assign(replica, { ...newReplica(row), target: 0, known: false, view, filling });
  if (replica.view) replica.view = emptyView(true);
}
