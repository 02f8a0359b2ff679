import {
  ChatError,
  type Entry,
  isChatError,
  isSendableKind,
  kindOf,
  LIMITS,
  redactionOf,
  type Runtime,
} from "@chat/protocol";
import type { OutboxItem } from "../cache/cache.js";
import * as CLIENT_LIMITS from "../client-limits.js";
import type { Ask } from "../connection/requests.js";
import { backoff } from "../runtime/backoff.js";
import { toChatError } from "../runtime/to-chat-error.js";
import type { CacheWriter } from "./cache-writer.js";
import { commonPrefix } from "./common-prefix.js";
import { curMax } from "./held-ranges.js";
import { isShown } from "./is-shown.js";
import { hasBelow, pageDown } from "./page-down.js";
import { isCaughtUp, isFollowed, type Replica, type Span } from "./replica.js";
import type { Replicas } from "./replicas.js";

/** What the gap filler needs of its surroundings. */
export interface GapFillerEnvironment {
  readonly runtime: Runtime;
  readonly replicas: Replicas;
  readonly writer: Pick<CacheWriter, "read">;
  readonly ask: Ask;
  /** Beyond so many missing entries the newest page is fetched as an island. */
  readonly catchUpEntries: number;
  /** These entries of this device are lost at the server: puts them back into the outbox, and returns what to commit. */
  putBack(conversationId: string, entries: readonly Entry[], above: number): readonly OutboxItem[];
  /** A fill began or ended. */
  changed(replica: Replica): void;
  /** Everything that will be fetched now is held. */
  caughtUp(replica: Replica): void;
  diverged(replica: Replica, above: number, resent: number): void;
  /** What no promise tells of. */
  report(error: unknown): void;
}

/** Brings logs up to their heads: takes spans in any order, and asks for what is missing between them. */
export interface GapFiller {
  /** Takes a span that was pushed or acknowledged. What is held is dropped, what lies beyond waits. */
  receive(replica: Replica, span: Span): void;
  /**
   * Fetches what is missing below `target`; one fill per conversation is under way.
   * Resolves to true once nothing is missing or can't be had, to false if the connection went away before.
   * @param newest entries to begin with where nothing is held
   */
  fill(replica: Replica, target?: number, newest?: number): Promise<boolean>;
  /** The change feed vouches for what is held: what waited for that is taken. */
  trust(replica: Replica): void;
  /** There is a new connection: fills that wait for their next try go on at once. */
  connected(): void;
}

export function createGapFiller(environment: GapFillerEnvironment): GapFiller {
  const { runtime, replicas, writer, ask, catchUpEntries, report } = environment;
  const queue: (() => void)[] = [];
  const sleepers = new Set<() => void>();
  let free: number = CLIENT_LIMITS.parallelFills;

  /** Asks for a part of a log, in its turn. */
  async function range(
    replica: Replica,
    query: { after?: number; before?: number; fingerprint?: number | undefined; limit: number },
  ): Promise<Span & { readonly head: number; readonly firstId: number }> {
    if (free === 0) await new Promise<void>((resolve) => queue.push(resolve));
    else free--;
    try {
      for (;;) {
        const { joinedAt } = replica.row;
        const span = await ask(
          { type: "get-range", conversationId: replica.id, ...query },
          { mode: "session" },
        );
        // Read in an earlier membership, it may lack what the user may see since.
        if (replica.row.joinedAt === joinedAt) return span;
      }
    } finally {
      const next = queue.shift();
      if (next) next();
      else free++;
    }
  }

  /** Takes out of the reorder buffer what continues what is held. */
  function drain(replica: Replica): void {
    let next: Span | undefined;
    const reachable = ({ after }: Span): boolean => {
      const held = curMax(replica.ranges);
      return held > 0 && after <= held;
    };
    while (replica.trust === "sure" && (next = replica.early.find(reachable)) !== undefined) {
      replica.early.splice(replica.early.indexOf(next), 1);
      replicas.apply(replica, next, true);
    }
  }

  function add(replica: Replica, span: Span): void {
    replicas.apply(replica, span);
    drain(replica);
  }

  /** The newest entry of the newest range: at the range's end, unless nothing is there for this user. */
  async function newestEntry({ id, ranges }: Replica): Promise<Entry | undefined> {
    const { from, to } = ranges.at(-1)!;
    return (await writer.read(id, { after: from - 1, before: to + 1, limit: 1, order: "descending" }))[0];
  }

  /** Forgets that nothing is there above an id, which no fingerprint proves: of another history, something may be. */
  function forgetEmptiness(replica: Replica, above: number): void {
    const { row, heard, target, early } = replica;
    replicas.truncate(replica, above, row, []);
    const trust = replica.ranges.length > 0 ? "suspect" : "sure";
    Object.assign(replica, { heard, target, early, trust });
  }

  /** Forgets what may lack something; the next steps fetch it. */
  function reread(replica: Replica): void {
    const { row, heard, target, early } = replica;
    replicas.truncate(replica, replica.reread - 1, row, []);
    // What was pushed meanwhile is still to be reached.
    Object.assign(replica, { heard, target, early, reread: 0 });
  }

  /** One step towards the target. @throws ChatError */
  async function step(replica: Replica, newest: number): Promise<void> {
    const { target, trust } = replica;
    const held = curMax(replica.ranges);
    if (target >= Number.MAX_SAFE_INTEGER)
      throw new ChatError("malformed_frame", "The server names an id that is too high.");
    if (held === 0) return add(replica, await range(replica, { before: target + 1, limit: newest }));
    const newestHeld = await newestEntry(replica);
    // The cache failed with this read: what was only there is held no longer.
    if (curMax(replica.ranges) !== held) return;
    const isAtEnd = newestHeld?.messageId === held;
    if (trust === "suspect" && !isAtEnd) {
      return forgetEmptiness(replica, newestHeld?.messageId ?? replica.ranges.at(-1)!.from - 1);
    }
    const fingerprint = isAtEnd ? newestHeld.fingerprint : undefined;
    const far = target - held > catchUpEntries;
    const forward = range(replica, {
      after: held,
      // Far behind, or in doubt, it is only asked whether what is held is still the server's.
      limit: far || trust === "suspect" ? 1 : LIMITS.rangeEntries,
      fingerprint,
    });
    const island = far ? range(replica, { before: target + 1, limit: LIMITS.rangeEntries }) : undefined;
    island?.catch(() => {});
    const page = await forward;
    replica.trust = "sure";
    if (replica.reread) return reread(replica);
    add(replica, page);
    if (island) add(replica, await island);
  }

  /** What was announced above what is held does not exist: takes the server's word for it. */
  async function giveUp(replica: Replica): Promise<void> {
    if (replica.row.head > curMax(replica.ranges)) {
      const { row } = await ask(
        { type: "get-conversation", conversationId: replica.id },
        { mode: "session" },
      );
      // Overtaken by one that was pushed, of which only what is not of the log was taken: the next try asks for a newer one.
      if (row.version < replica.rowVersion) return;
      replicas.applyRow(row, row.head >= curMax(replica.ranges));
    }
    replica.early = [];
    replica.target = curMax(replica.ranges);
  }

  async function repair(replica: Replica): Promise<void> {
    const above = await commonPrefix(curMax(replica.ranges), {
      read: (query) => writer.read(replica.id, query),
      isCommon: ({ messageId, fingerprint }) =>
        range(replica, { after: messageId, fingerprint, limit: 1 }).then(
          () => true,
          (error: unknown) => {
            if (toChatError(error).code !== "diverged") throw error;
            return false;
          },
        ),
    });
    const { row } = await ask({ type: "get-conversation", conversationId: replica.id }, { mode: "session" });
    const lost = await writer.read(replica.id, {
      after: above,
      before: Infinity,
      limit: Infinity,
      order: "ascending",
    });
    const mine = lost.filter((entry) => entry.clientMessageId !== undefined);
    // Of a tombstone there is nothing left to be sent.
    const own = mine.filter((entry) => isSendableKind(kindOf(entry)) && !entry.redacted);
    const target = replica.target;
    // What was said of receipts was said of another history.
    Object.assign(replica, { ackedRead: row.read, mark: undefined });
    // What was taken away above is of the lost history: the same ids are other messages now.
    replica.redacted = new Map([...replica.redacted].filter(([, by]) => by <= above));
    replicas.truncate(replica, above, row, environment.putBack(replica.id, own, above));
    // What was pushed meanwhile may lie above the row; if nothing does, the next step finds out.
    replica.target = Math.max(target, row.head);
    for (const entry of mine) {
      const messageId = redactionOf(entry)?.messageId;
      if (messageId === undefined || messageId > above) continue;
      // What this user took away is back in the store: it is taken away once more.
      const again = { conversationId: replica.id, clientMessageId: entry.clientMessageId!, messageId };
      ask({ type: "redact-message", ...again }).catch(report);
    }
    environment.diverged(replica, above, own.length);
    if (replica.reread) reread(replica);
  }

  async function run(replica: Replica, newest: number): Promise<boolean> {
    let isEnd = false;
    const isDone = (): boolean => isCaughtUp(replica) && (isEnd || !isShort(replica));
    for (let attempt = 0; !isDone();) {
      const held = curMax(replica.ranges);
      try {
        if (isCaughtUp(replica)) {
          const page = await pageDown(replica, CLIENT_LIMITS.prefetchEntries, environment, (query) =>
            range(replica, query),
          );
          isEnd = !!page?.isEnd;
          continue;
        }
        await step(replica, newest).catch((error: unknown) => {
          if (toChatError(error).code !== "diverged") throw error;
          return repair(replica);
        });
        if (curMax(replica.ranges) !== held) attempt = 0;
        // A span that waits was pushed, so what lies below it exists: that is asked for a few times.
        else if (!isCaughtUp(replica) && attempt++ >= (replica.early.length && 2)) await giveUp(replica);
      } catch (error) {
        if (["disconnected", "closed"].includes(toChatError(error).code)) return false;
        report(error);
        attempt++;
        if (toChatError(error).code === "not_found") {
          // The store has lost the whole conversation.
          replicas.drop(replica);
        } else if (!isChatError(error) || !error.retryable) {
          // It can't be had: what is held is all there is.
          const given: Partial<Replica> = { trust: "sure", early: [], target: curMax(replica.ranges) };
          Object.assign(replica, given);
          isEnd = true;
        }
      }
      if (attempt > 0 && !isDone()) {
        await new Promise<void>((resolve) => {
          sleepers.add(resolve);
          runtime.clock.schedule(backoff(runtime.random, attempt), resolve);
        });
      }
    }
    return true;
  }

  function fill(replica: Replica, target = 0, newest: number = CLIENT_LIMITS.pageEntries): Promise<boolean> {
    replica.target = Math.max(replica.target, target);
    if (isCaughtUp(replica) && !isShort(replica)) return Promise.resolve(true);
    if (replica.filling === undefined) {
      replica.filling = run(replica, newest).then((isDone) => {
        replica.filling = undefined;
        environment.changed(replica);
        // Without a connection it goes on with the next one: what would begin it anew now would do so for ever.
        if (isDone) environment.caughtUp(replica);
        return isDone;
      });
      environment.changed(replica);
    }
    return replica.filling;
  }

  return {
    fill,

    connected() {
      for (const wake of sleepers) wake();
      sleepers.clear();
    },

    receive(replica, span) {
      const held = curMax(replica.ranges);
      replica.target = Math.max(replica.target, span.through);
      // What is on the screen begins with a page, and not with whatever comes first.
      if (held === 0 && replica.view === undefined) replicas.apply(replica, span, true);
      else replica.early.push(span);
      drain(replica);
      const waiting = replica.early.reduce((sum, { entries }) => sum + entries.length, 0);
      // What lies beyond the gap is dropped, and fetched with the rest of it.
      if (waiting > CLIENT_LIMITS.reorderEntries) {
        replica.early = replica.early.filter(({ after }) => after < held);
      }
      if (replica.trust !== "unsure") void fill(replica);
    },

    trust(replica) {
      if (replica.trust === "unsure") replica.trust = "sure";
      drain(replica);
      environment.caughtUp(replica);
      if (isFollowed(replica)) void fill(replica);
    },
  };
}

/** True if a screen shows less than a page, or nothing at all since redactions do not show, and there is more below. */
function isShort(replica: Replica): boolean {
  const { view, ranges, trust } = replica;
  // In doubt, nothing goes below it yet; once it is vouched for, this is asked again.
  if (!view?.loaded || ranges.length === 0 || trust === "unsure") return false;
  const isFull = view.entries.length >= CLIENT_LIMITS.prefetchEntries && view.entries.some(isShown);
  return !isFull && hasBelow(replica);
}
