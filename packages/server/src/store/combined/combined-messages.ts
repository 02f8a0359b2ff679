import { ChatError, isChatError, type Runtime } from "@chat/protocol";
import { isKeptOut } from "../is-kept-out.js";
import type { FollowingStore } from "../chat-store.js";
import type { MessageLog, PendingDraft } from "../message-log.js";
import type {
  AppendOutcome,
  Draft,
  Head,
  IdempotencyKey,
  MessageStore,
  ReadQuery,
} from "../message-store.js";
import { AppendQueue, type QueuedDraft } from "../sql/append-queue.js";
import { membershipProblem, usersOf } from "../sql/membership-problem.js";
import { unavailable } from "../sql/unavailable.js";
import type { StoredEntry } from "../stored-entry.js";
import type { RowRepair } from "./row-repair.js";

/** Batches under way at once. Each is a mark, an append for each of its conversations and an advance: mostly waiting for answers. */
const BATCHES_AT_ONCE = 8;

/** How long a batch relies on its mark before it sets it again, ms; others take one off after a minute. */
const MARKED_FOR = 10_000;

/** A draft, and what was noted of it last. */
interface NotedDraft extends PendingDraft {
  readonly outcome: () => AppendOutcome | undefined;
}

/** The message store of a combination, see `combineStores`. */
export class CombinedMessages implements MessageStore {
  readonly #log: MessageLog;
  readonly #rows: FollowingStore;
  readonly #repair: RowRepair;
  readonly #limits: { readonly groupMembers: number };
  readonly #queue: AppendQueue;
  readonly #runtime: () => Runtime | undefined;
  readonly #grace: number;
  #owner = "";

  /** @param grace ms for which others keep off a mark that was just set */
  constructor(
    log: MessageLog,
    rows: FollowingStore,
    repair: RowRepair,
    limits: { readonly groupMembers: number },
    { runtime, grace }: { readonly runtime: () => Runtime | undefined; readonly grace: number },
  ) {
    this.#log = log;
    this.#rows = rows;
    this.#repair = repair;
    this.#limits = limits;
    this.#grace = grace;
    this.#runtime = runtime;
    this.#queue = new AppendQueue(
      () => {
        const there = runtime();
        if (there === undefined) throw unavailable("The store is not open yet; wait for open().");
        return there;
      },
      (drafts) => this.#store(drafts),
      () => false,
      BATCHES_AT_ONCE,
    );
  }

  /** @param owner of the marks of this run of this server */
  begin(owner: string): void {
    this.#owner = owner;
  }

  append(drafts: readonly Draft[]): Promise<readonly AppendOutcome[]> {
    return this.#queue.append(drafts);
  }

  find(key: IdempotencyKey): Promise<StoredEntry | undefined> {
    return this.#log.find(key);
  }

  async read(query: ReadQuery): Promise<readonly StoredEntry[]> {
    const row = await this.#repair.seen(query.conversationId);
    if (row === undefined) return [];
    const after = Math.max(query.after, row.firstId - 1);
    const before = Math.min(query.before, row.head + 1);
    return before - after < 2 ? [] : this.#log.read({ ...query, after, before });
  }

  async wipe(query: Parameters<MessageStore["wipe"]>[0]): ReturnType<MessageStore["wipe"]> {
    if ((await this.#repair.seen(query.conversationId)) === undefined) {
      throw new ChatError("not_found", "There is no such conversation.");
    }
    const done = await this.#log.wipe(query);
    if (done.found > 0) await this.#rows.follower.wiped({ ...query, through: done.through });
    return done;
  }

  /** Rows that were left behind are brought up first: an append that was acknowledged without its row would be taken for lost. */
  async heads(conversationIds: readonly string[]): Promise<ReadonlyMap<string, Head>> {
    await Promise.all(conversationIds.map((conversationId) => this.#repair.bringUp(conversationId)));
    return this.#rows.messages.heads(conversationIds);
  }

  /** As `ChatStore.close`. */
  close(): Promise<void> {
    return this.#queue.close();
  }

  /** Stores drafts and notes what becomes of each. Rejects if nothing was stored. */
  async #store(queued: readonly QueuedDraft[]): Promise<void> {
    const byConversation = new Map<string, NotedDraft[]>();
    for (const one of queued) {
      const { conversationId } = one.draft;
      const drafts = byConversation.get(conversationId) ?? [];
      drafts.push(pendingOf(one));
      byConversation.set(conversationId, drafts);
    }
    const ids = [...byConversation.keys()];
    await this.#rows.follower.mark(this.#owner, ids, this.#grace);
    const rows = await this.#rows.messages.heads(ids);
    await Promise.all(
      [...byConversation].map(([conversationId, drafts]) =>
        this.#storeInto(
          conversationId,
          drafts.map((pending) => letIn(pending, rows.get(conversationId)?.isBlocked === true)),
          rows.get(conversationId),
        ),
      ),
    );
  }

  async #storeInto(
    conversationId: string,
    drafts: readonly NotedDraft[],
    row: Head | undefined,
  ): Promise<void> {
    let at = 0;
    try {
      if (row === undefined) throw new ChatError("not_found", "There is no such conversation.");
      const { clock } = this.#runtime()!;
      let marked = clock.monotonic();
      while (at < drafts.length) {
        if (clock.monotonic() - marked > MARKED_FOR) {
          marked = clock.monotonic();
          await this.#rows.follower.mark(this.#owner, [conversationId], this.#grace);
        }
        const run = this.#nextRun(drafts, at);
        const isLast = at + run.length === drafts.length;
        await this.#appendRun(conversationId, run, row.head, isLast);
        at += run.length;
      }
    } catch (thrown) {
      const error = isChatError(thrown)
        ? thrown
        : new ChatError("internal", "Storing this failed.", { cause: thrown });
      for (const pending of drafts.slice(at)) {
        pending.note({ status: "refused", error: pending.refusal() ?? error });
      }
    }
  }

  /** As many drafts as one append of the log takes; a membership change is alone, as it is compared with the members first. */
  #nextRun(drafts: readonly NotedDraft[], from: number): readonly NotedDraft[] {
    if (drafts[from]!.draft.membership !== undefined) return drafts.slice(from, from + 1);
    const rest = drafts.slice(from, from + this.#log.draftsAtOnce);
    const end = rest.findIndex(({ draft }) => draft.membership !== undefined);
    return end === -1 ? rest : rest.slice(0, end);
  }

  /** @param isLast of those for which the conversation is marked: only then may the mark go */
  async #appendRun(
    conversationId: string,
    run: readonly NotedDraft[],
    seen: number,
    isLast: boolean,
  ): Promise<void> {
    const problem = await this.#membershipProblem(run[0]!.draft);
    if (problem !== undefined) run[0]!.note(problem);
    else await this.#log.append(conversationId, run, seen);
    const outcomes = run.map(({ outcome }) => outcome());
    const stored = outcomes.flatMap((outcome) => (outcome?.status === "stored" ? [outcome.entry] : []));
    const isBehind = outcomes.some(
      (outcome) =>
        (outcome?.status === "refused" && outcome.error.code === "membership_moved") ||
        // Whoever sends it again holds what the row has not seen.
        (outcome?.status === "duplicate" && outcome.entry.messageId > seen),
    );
    try {
      if (stored.length > 0) {
        const behind = await this.#rows.follower.advance(stored, isLast ? this.#owner : undefined);
        if (behind.length > 0) await this.#repair.bringUp(conversationId);
      }
      // Perhaps a server vanished before it moved the row on: nobody can be authorized until somebody does.
      else if (isBehind) await this.#repair.bringUp(conversationId);
    } catch (error) {
      // What is stored is stored. The mark stays, and the row is repaired.
      if (!isChatError(error)) throw error;
    }
  }

  /**
   * Why a membership change does not fit the members. They are looked at under the membership version that the draft was allowed
   * under, and the log refuses the draft if that has moved: so nothing comes in between.
   */
  async #membershipProblem(draft: Draft): Promise<AppendOutcome | undefined> {
    const { conversationId, membership, membershipVersion } = draft;
    if (membership === undefined) return undefined;
    const standings = await this.#rows.follower.standings(conversationId, usersOf(membership));
    const { memberCount, users } = standings;
    const error =
      standings.membershipVersion === membershipVersion
        ? membershipProblem(memberCount, membership, users, this.#limits.groupMembers)
        : new ChatError(
            "membership_moved",
            "The conversation's membership has moved since this was allowed.",
          );
    if (error === undefined) return undefined;
    const known = await this.#log.find(draft);
    return known === undefined ? { status: "refused", error } : { status: "duplicate", entry: known };
  }
}

/** Sends back what one of two says of whom one has blocked the other, unless it was stored before. */
function letIn(pending: NotedDraft, isBlocked: boolean): NotedDraft {
  if (!isKeptOut(pending.draft, { isBlocked })) return pending;
  const sentence = "One of the two has blocked the other since this was allowed.";
  return { ...pending, refusal: () => pending.refusal() ?? new ChatError("membership_moved", sentence) };
}

function pendingOf({ draft, call, index }: QueuedDraft): NotedDraft {
  let last: AppendOutcome | undefined;
  return {
    draft,
    refusal: () => call.refusalBehindAnother(index),
    note(outcome) {
      last = outcome;
      call.note(index, outcome);
    },
    outcome: () => last,
  };
}
