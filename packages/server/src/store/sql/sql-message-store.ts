import { ChatError, isChatError } from "@chat/protocol";
import { isKeptOut } from "../is-kept-out.js";
import type {
  AppendOutcome,
  Draft,
  Head,
  IdempotencyKey,
  MessageStore,
  ReadQuery,
} from "../message-store.js";
import type { StoredEntry } from "../stored-entry.js";
import { AppendQueue, type QueuedDraft } from "./append-queue.js";
import type { RawStanding } from "./batch-members.js";
import { ConversationBatch, type ConversationState, type LockedConversation } from "./conversation-batch.js";
import { entryOf, prunedEntry } from "./draft-entry.js";
import { decodeBody } from "../entry-body.js";
import { hexOf } from "./hex-of.js";
import { idBytes } from "./id-bytes.js";
import { membershipProblem, usersOf } from "./membership-problem.js";
import { type RawHead, toHeads } from "./raw-head.js";
import type { SqlEngine, SqlTransaction } from "./sql-engine.js";
import { bodiesOf, idsWrittenBy, messagesOf, redactionTargets } from "./sql-redactions.js";
import { unavailable } from "./unavailable.js";

/** What of the store's settings is needed here. */
export interface MessageLimits {
  /** The most members of one conversation. */
  readonly groupMembers: number;
}

interface MessageRow {
  readonly id: number;
  readonly body: Uint8Array;
}

/** Where an idempotency key was found; the body is gone where the entry was pruned. */
interface FoundKey {
  readonly place: number;
  readonly id: number;
  readonly body: Uint8Array | null;
}

type WipeQuery = Parameters<MessageStore["wipe"]>[0];
type Wiped = Awaited<ReturnType<MessageStore["wipe"]>>;

/** The message store on a SQL server, see {@link MessageStore}. */
export class SqlMessageStore implements MessageStore {
  readonly #engine: SqlEngine;
  readonly #limits: MessageLimits;
  readonly #queue: AppendQueue;

  constructor(engine: SqlEngine, limits: MessageLimits) {
    this.#engine = engine;
    this.#limits = limits;
    this.#queue = new AppendQueue(
      () => engine.runtime,
      (drafts, join) => {
        let tries = 0;
        return engine.transact((transaction) => this.#store(transaction, drafts, join, ++tries > 1));
      },
      () => engine.isAway,
    );
  }

  append(drafts: readonly Draft[]): Promise<readonly AppendOutcome[]> {
    return this.#queue.append(drafts);
  }

  async find(key: IdempotencyKey): Promise<StoredEntry | undefined> {
    const { conversationId, senderId, deviceId, clientMessageId } = key;
    const values = [conversationId, senderId, idBytes(deviceId), idBytes(clientMessageId)];
    const [row] = await this.#engine.read<{
      readonly id: number;
      readonly body: Uint8Array | null;
      readonly createdAt: number;
    }>("find", values);
    if (row === undefined) return undefined;
    return row.body === null
      ? prunedEntry(key, row.id, row.createdAt)
      : decodeBody(conversationId, row.id, row.body);
  }

  async read(query: ReadQuery): Promise<readonly StoredEntry[]> {
    const { conversationId, after, before, order, limit, maxBytes } = query;
    // The server cuts the page: one of the largest messages is not sent only to be thrown away.
    const bounds = [before, limit, maxBytes].map((bound) => Math.min(bound, Number.MAX_SAFE_INTEGER));
    const values = [conversationId, after, ...bounds];
    const rows = await this.#engine.read<MessageRow>(order, values);
    return rows.map(({ id, body }) => decodeBody(conversationId, id, body));
  }

  wipe({ conversationId, userId, after, limit }: WipeQuery): Promise<Wiped> {
    return this.#engine.transact(async (transaction) => {
      const batch = await lock(transaction, [conversationId]);
      const state = batch.get(conversationId);
      if (state === undefined) throw new ChatError("not_found", "There is no such conversation.");
      const ids = await idsWrittenBy(transaction, state, userId, after, limit);
      const messages = await messagesOf(transaction, state, ids);
      const bodies = bodiesOf(messages);
      for (const entry of bodies) batch.wipe(entry);
      await transaction.write(batch.writes());
      const through = ids.length < limit ? state.head : ids[ids.length - 1]!;
      return { found: messages.length, wiped: bodies.length, through };
    });
  }

  async heads(conversationIds: readonly string[]): Promise<ReadonlyMap<string, Head>> {
    return toHeads(await this.#engine.read<RawHead>("heads", [conversationIds]));
  }

  /** As {@link ChatStore.close}. */
  close(): Promise<void> {
    return this.#queue.close();
  }

  /**
   * New messages are the rule, so that keys are first looked up where a draft would be refused: it may have been stored before all
   * the same. Where a key is taken the database refuses it, and the transaction is tried again.
   */
  async #store(
    transaction: SqlTransaction,
    drafts: readonly QueuedDraft[],
    join: () => void,
    isAgain: boolean,
  ): Promise<void> {
    // Some servers lock in the order of the list.
    const ids = [...new Set(drafts.map(({ draft }) => draft.conversationId))].sort();
    const isWhole = ({ draft }: QueuedDraft): boolean =>
      draft.membership !== undefined || draft.update !== undefined;
    const whole = [...new Set(drafts.filter(isWhole).map(({ draft }) => draft.conversationId))];
    const locked = await transaction.all<LockedConversation>("lock", [ids, whole]);
    join();
    const known = new Map(locked.map((conversation) => [conversation.id, conversation]));
    const standings = await loadStandings(transaction, drafts, known);
    // A redaction is never with other drafts, see AppendQueue.
    const [{ draft: first }] = drafts as readonly [QueuedDraft];
    const state = locked.find(({ id }) => id === first.conversationId);
    const targets = first.redaction && state && (await redactionTargets(transaction, state, first.redaction));
    const store = (taken: TakenKeys): { batch: ConversationBatch; isComplete: boolean } => {
      const batch = new ConversationBatch(locked, standings);
      let isComplete = true;
      for (const { draft, call, index } of drafts) {
        const behindAnother = () => call.refusalBehindAnother(index);
        const outcome = storeDraft(batch, taken, draft, behindAnother, targets, this.#limits);
        call.note(index, outcome);
        isComplete &&= outcome.status !== "refused";
      }
      return { batch, isComplete };
    };
    let stored = isAgain ? undefined : store(new Map());
    if (stored?.isComplete !== true) stored = store(await findKeys(transaction, drafts, known));
    await transaction.write(stored.batch.writes());
  }
}

/** Entries by their idempotency keys: those that were stored before, and those of this transaction. */
type TakenKeys = Map<string, StoredEntry>;

/** Stores one draft in memory, or says why not. */
function storeDraft(
  batch: ConversationBatch,
  taken: TakenKeys,
  draft: Draft,
  behindAnother: () => ChatError | undefined,
  targets: readonly StoredEntry[] | ChatError | undefined,
  { groupMembers }: MessageLimits,
): AppendOutcome {
  const state = batch.get(draft.conversationId);
  if (state === undefined) return refused(new ChatError("not_found", "There is no such conversation."));
  const key = keyText(draft);
  const known = taken.get(key);
  if (known !== undefined) return { status: "duplicate", entry: known };
  const { membership } = draft;
  const refusal =
    behindAnother() ??
    membershipMoved(draft, state) ??
    (membership &&
      membershipProblem(
        state.memberCount,
        membership,
        batch.standings(state, usersOf(membership)),
        groupMembers,
      )) ??
    (isChatError(targets) ? targets : undefined);
  if (refusal !== undefined) return refused(refusal);
  const entry = entryOf(draft, state);
  try {
    batch.store(entry);
  } catch (cause) {
    return refused(new ChatError("data_invalid", "data holds what can't be stored.", { cause }));
  }
  batch.move(entry, membership, draft.update);
  if (Array.isArray(targets)) {
    batch.redacted(draft.conversationId, entry.messageId);
    for (const target of targets as readonly StoredEntry[]) batch.wipe(target);
  }
  taken.set(key, entry);
  return { status: "stored", entry };
}

function membershipMoved(draft: Draft, state: ConversationState): ChatError | undefined {
  return draft.membershipVersion === state.membershipVersion && !isKeptOut(draft, state)
    ? undefined
    : new ChatError("membership_moved", "The conversation's membership has moved since this was allowed.");
}

function refused(error: ChatError): AppendOutcome {
  return { status: "refused", error };
}

// No id holds a control character.
function keyText({ conversationId, senderId, deviceId, clientMessageId }: IdempotencyKey): string {
  return `${conversationId}\0${senderId}\0${deviceId}\0${clientMessageId}`;
}

async function findKeys(
  transaction: SqlTransaction,
  queued: readonly QueuedDraft[],
  known: ReadonlyMap<string, LockedConversation>,
): Promise<TakenKeys> {
  const drafts = queued.map(({ draft }) => draft).filter(({ conversationId }) => known.has(conversationId));
  if (drafts.length === 0) return new Map();
  const rows = await transaction.all<FoundKey>("findKeys", [
    drafts.map(({ conversationId }) => known.get(conversationId)!.key),
    drafts.map(({ senderId }) => senderId),
    drafts.map(({ deviceId }) => hexOf(idBytes(deviceId))),
    drafts.map(({ clientMessageId }) => hexOf(idBytes(clientMessageId))),
  ]);
  const taken: TakenKeys = new Map();
  for (const { place, id, body } of rows) {
    const draft = drafts[place - 1]!;
    const { firstId } = known.get(draft.conversationId)!;
    if (body === null && id >= firstId) {
      throw unavailable(`Entry ${id} of a conversation is missing from the database.`);
    }
    const entry =
      body === null ? prunedEntry(draft, id, draft.createdAt) : decodeBody(draft.conversationId, id, body);
    taken.set(keyText(draft), entry);
  }
  return taken;
}

async function loadStandings(
  transaction: SqlTransaction,
  drafts: readonly QueuedDraft[],
  known: ReadonlyMap<string, LockedConversation>,
): Promise<readonly RawStanding[]> {
  const named = new Map<string, readonly [number, string]>();
  for (const { draft } of drafts) {
    const key = known.get(draft.conversationId)?.key;
    if (draft.membership === undefined || key === undefined) continue;
    for (const userId of usersOf(draft.membership)) named.set(`${key} ${userId}`, [key, userId]);
  }
  return standingsOf(transaction, [...named.values()]);
}

/** The standings of these users, by (conversation's key, user). */
export function standingsOf(
  transaction: SqlTransaction,
  pairs: readonly (readonly [number, string])[],
): Promise<readonly RawStanding[]> {
  if (pairs.length === 0) return Promise.resolve([]);
  return transaction.all<RawStanding>("standings", [
    pairs.map(([conversation]) => conversation),
    pairs.map(([, userId]) => userId),
  ]);
}

/** Locks conversations, to be moved on. */
export async function lock(
  transaction: SqlTransaction,
  conversationIds: readonly string[],
): Promise<ConversationBatch> {
  return new ConversationBatch(await transaction.all<LockedConversation>("lock", [conversationIds, []]));
}
