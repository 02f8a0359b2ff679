import { type ConversationRow, LIMITS, type PongFrame, type Runtime } from "@chat/protocol";
import type { CacheMeta } from "../cache/cache.js";
import * as CLIENT_LIMITS from "../client-limits.js";
import { type Ask, disconnected } from "../connection/requests.js";
import { backoff } from "../runtime/backoff.js";
import { toChatError } from "../runtime/to-chat-error.js";
import type { CacheWriter } from "./cache-writer.js";
import type { GapFiller } from "./gap-filler.js";
import { deriveRow } from "./derive-row.js";
import { curMax } from "./held-ranges.js";
import { isCaughtUp, isFollowed, type Replica, type Span } from "./replica.js";
import type { Replicas } from "./replicas.js";

/** What the list's synchronisation needs of its surroundings. */
export interface ListSyncEnvironment {
  readonly runtime: Runtime;
  readonly userId: string;
  readonly replicas: Replicas;
  readonly filler: GapFiller;
  readonly writer: Pick<CacheWriter, "commit" | "read">;
  readonly ask: Ask;
  /** `synced` or `listed` changed. */
  changed(): void;
  report(error: unknown): void;
}

/** Keeps rows and the cursor of the change feed; sees to it that what the cursor vouches for is held. */
export interface ListSync {
  /** There is a connection: lists everything the first time, what changed since the cursor later. Also after a push was lost. */
  start(): void;
  stop(): void;
  /** Takes the position that the cache has. Empty: the store's history is another one, and everything must be listed anew. */
  load(meta: Pick<CacheMeta, "cursor">): void;
  /** Takes a row that was pushed, or that answers somebody's request. */
  row(row: ConversationRow): Replica;
  /** Takes a pushed span; asks for the row first if this device does not know the conversation. */
  entries(conversationId: string, span: Span): void;
  pong(frame: PongFrame): Promise<void>;
  /** Asks for a row. Resolves to false if the connection went away before, or it could not be had, which was reported. */
  refresh(conversationId: string): Promise<boolean>;
  /** True once everything that is followed is held as of this connection. */
  readonly synced: boolean;
  /** True once all conversations of the user were listed. */
  readonly listed: boolean;
}

export function createListSync(environment: ListSyncEnvironment): ListSync {
  const { runtime, userId, replicas, filler, writer, ask, changed, report } = environment;
  const session = { mode: "session" } as const;
  let cursor: string | undefined;
  let synced = false;
  /** What was applied up to here, the cursor vouches for. */
  let vouched = 0;
  /** What was applied when the last pong of this connection came. */
  let atLastPong = 0;
  /** Rises with each run; what belongs to an older one gives up. */
  let runs = 0;
  /** Conversations that the server named since a full listing began. */
  let named: Set<string> | undefined;
  const refreshing = new Map<string, Promise<boolean>>();

  /** @param applied what was held when the cursor was asked for */
  function commit(next: string, applied: number): void {
    cursor = next;
    vouched = applied;
    void writer.commit({ meta: { cursor: next } });
  }

  function row(row: ConversationRow): Replica {
    named?.add(row.conversationId);
    const old = replicas.get(row.conversationId);
    const wasFollowed = old && isFollowed(old);
    const replica = replicas.applyRow(row);
    if (wasFollowed || isFollowed(replica)) void filler.fill(replica);
    return replica;
  }

  /** Takes a page of rows; what live entries moved since it was asked for stays above them. */
  function take(rows: readonly ConversationRow[], touches: number): void {
    rows.forEach(row);
    replicas.retouch(touches);
  }

  /** Fills every log that is behind its row. @throws if the connection goes away, or a later run has begun */
  async function fillAll(mine: number): Promise<void> {
    const behind = [...replicas.all()].filter((replica) => isFollowed(replica) && !isCaughtUp(replica));
    const done = await Promise.all(behind.map((replica) => filler.fill(replica)));
    if (done.includes(false) || mine !== runs) throw disconnected();
  }

  /** @throws `disconnected`, of which nobody is told, if the connection goes away, or a row could not be had, of which was told then */
  async function refreshAll(some: readonly Replica[]): Promise<void> {
    const done = await Promise.all(some.map(({ id }) => refresh(id)));
    if (done.includes(false)) throw disconnected();
  }

  async function listAll(mine: number): Promise<void> {
    const applied = replicas.applied();
    const mentioned = (named = new Set());
    let first: string | undefined;
    let page: string | undefined;
    do {
      const touches = replicas.touches();
      const answer = await ask({ type: "list-conversations", limit: LIMITS.pageRows, page }, session);
      first ??= answer.cursor;
      page = answer.next;
      take(answer.rows, touches);
    } while (page !== undefined);
    // What was not named may have moved from one page to another meanwhile, or be a conversation that the user has left:
    // of what is held of it, something may have been redacted.
    const unnamed = [...replicas.all()].filter(
      (replica) =>
        !mentioned.has(replica.id) && (replica.row.member || !replica.known || isFollowed(replica)),
    );
    await refreshAll(unnamed);
    named = undefined;
    await fillAll(mine);
    commit(first, applied);
  }

  async function listChanges(mine: number, from: string): Promise<void> {
    for (let more = true; more;) {
      const touches = replicas.touches();
      const applied = replicas.applied();
      const answer = await ask({ type: "list-changes", limit: LIMITS.pageRows, cursor: from }, session);
      take(answer.rows, touches);
      // The store still knows the cursor, so it has lost nothing of what that vouches for.
      for (const replica of replicas.all()) filler.trust(replica);
      await fillAll(mine);
      ({ cursor: from, more } = answer);
      commit(from, applied);
    }
  }

  /** So that the newest conversations can be read offline. One at a time: whoever uses the client goes first. */
  async function prefetch(mine: number): Promise<void> {
    const newest = [...replicas.all()]
      .filter(({ row }) => row.member)
      .sort((a, b) => b.row.activity - a.row.activity)
      .slice(0, CLIENT_LIMITS.prefetchConversations);
    for (const replica of newest) {
      if (mine !== runs) return;
      if (!isFollowed(replica)) await filler.fill(replica, 0, CLIENT_LIMITS.prefetchEntries);
    }
  }

  async function run(): Promise<void> {
    const mine = ++runs;
    synced = false;
    atLastPong = 0;
    changed();
    const doubtful = [...replicas.all()].filter(({ known, appliedAt }) => known && appliedAt > vouched);
    // Listing everything brings their rows, too.
    if (doubtful.length > LIMITS.pageRows) cursor = undefined;
    for (const replica of replicas.all()) {
      // Of another connection, and perhaps of a history that was lost since.
      replica.early = [];
      replica.rowVersion = 0;
      if (replica.ranges.length > 0 && replica.trust === "sure") {
        replica.trust = cursor === undefined || replica.appliedAt > vouched ? "suspect" : "unsure";
      }
    }
    for (let attempt = 0; mine === runs; attempt++) {
      try {
        if (cursor === undefined) await listAll(mine);
        else await refreshAll(doubtful);
        if (mine === runs && cursor !== undefined) await listChanges(mine, cursor);
        if (mine !== runs) return;
        synced = true;
        changed();
        return await prefetch(mine);
      } catch (error) {
        if (mine !== runs) return;
        if (toChatError(error).code === "cursor_invalid") {
          cursor = undefined;
          // What the store has lost may be anywhere.
          for (const replica of replicas.all()) if (replica.trust === "unsure") replica.trust = "suspect";
        } else if (toChatError(error).code !== "disconnected") report(error);
        const delay = backoff(runtime.random, attempt);
        await new Promise<void>((resolve) => runtime.clock.schedule(delay, resolve));
      }
    }
  }

  /** What was pushed while a row was on its way is added to it. @param held what was held when the row was asked for */
  async function bringForward(row: ConversationRow, held: number): Promise<ConversationRow> {
    const replica = replicas.get(row.conversationId);
    if (!replica?.known || row.head < held) return row;
    const activity = Math.max(row.activity, replica.row.activity);
    while (row.head < replica.row.head) {
      const query = { after: row.head, before: replica.row.head + 1, limit: Infinity } as const;
      const entries = await writer.read(row.conversationId, { ...query, order: "ascending" });
      if (entries.length === 0) break;
      for (const entry of entries) row = deriveRow(row, entry, activity, userId);
    }
    return row;
  }

  function refresh(conversationId: string): Promise<boolean> {
    let answer = refreshing.get(conversationId);
    if (answer === undefined) {
      const held = curMax(replicas.get(conversationId)?.ranges ?? []);
      answer = ask({ type: "get-conversation", conversationId }, session)
        .then(
          async (answer) => {
            row(await bringForward(answer.row, held));
            return true;
          },
          (error: unknown) => {
            const replica = replicas.get(conversationId);
            if (toChatError(error).code === "not_found") {
              if (replica) replicas.drop(replica);
              return true;
            }
            if (toChatError(error).code !== "disconnected") report(error);
            return false;
          },
        )
        .finally(() => refreshing.delete(conversationId));
      refreshing.set(conversationId, answer);
    }
    return answer;
  }

  return {
    row,
    refresh,
    start: () => void run(),

    stop() {
      runs++;
      synced = false;
    },

    load(meta) {
      ({ cursor } = meta);
      vouched = 0;
    },

    entries(conversationId, span) {
      const replica = replicas.get(conversationId);
      if (replica?.known) return filler.receive(replica, span);
      // Its row may be right behind it; where it isn't, the server is asked.
      void Promise.resolve()
        .then(() => replicas.get(conversationId)?.known || refresh(conversationId))
        .then(() => {
          const found = replicas.get(conversationId);
          if (found?.known) filler.receive(found, span);
        });
    },

    async pong({ heads, cursor: next }) {
      const mine = runs;
      // Entries are pushed before the server's cursor is past them: it vouches for what came before the last pong.
      const applied = Math.max(vouched, atLastPong);
      atLastPong = replicas.applied();
      const waits: Promise<boolean>[] = heads.map(({ conversationId, head }) => {
        const replica = replicas.get(conversationId);
        if (replica?.known && isFollowed(replica)) return filler.fill(replica, head);
        return replica?.known && replica.row.head >= head ? Promise.resolve(true) : refresh(conversationId);
      });
      for (const { filling } of replicas.all()) if (filling) waits.push(filling);
      const done = await Promise.all([...waits, ...refreshing.values()]);
      // What the cursor vouches for since the welcome is held now, and what was before since `synced`.
      if (next !== undefined && synced && mine === runs && !done.includes(false)) {
        commit(next, applied);
      }
    },

    get synced() {
      return synced;
    },
    get listed() {
      return cursor !== undefined;
    },
  };
}
