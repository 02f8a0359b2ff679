import { type HistoryVisibility, type LatestMessage, tombstoneOf } from "@chat/protocol";
import { contentBytes } from "../content-bytes.js";
import type { AdvancedReceipt, ReceiptAdvance } from "../conversation-store.js";
import type { ConversationUpdate, MembershipChange } from "../message-store.js";
import type { StoredEntry } from "../stored-entry.js";
import { BatchMembers, type RawStanding } from "./batch-members.js";
import { BatchReceipts, type LoadedReceipt } from "./batch-receipts.js";
import type { BatchWrites, MovedConversation, NewMessage, Tombstone } from "./batch-writes.js";
import { encodeBody } from "../entry-body.js";
import { concealed, decodeLatest, encodeLatest, latestOf } from "./latest-message.js";
import type { Standing } from "../log-follower.js";
import { idBytes } from "./id-bytes.js";

/** A conversation that this transaction has locked. */
export interface LockedConversation {
  readonly key: number;
  readonly id: string;
  readonly head: number;
  readonly fingerprint: number;
  readonly ordinal: number;
  readonly membershipVersion: number;
  readonly memberCount: number;
  readonly lastRedaction: number;
  readonly firstId: number;
  readonly firstOrdinal: number;
  readonly activity: number;
  readonly latestId: number;
  /** Of a direct conversation: one of the two has blocked the other. */
  readonly isBlocked: number | boolean;
  /** These four are read only where they may be needed. */
  readonly latestMessage: Uint8Array | null;
  readonly name: string | null;
  readonly data: string | null;
  readonly history: HistoryVisibility | null;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

interface State extends Mutable<LockedConversation> {
  moved: boolean;
  readonly headBefore: number;
  isActive: boolean;
  viewMoved: boolean;
  membersMoved: boolean;
  receiptsMoved: boolean;
  isRedacted: boolean;
  isPruned: boolean;
  infoMoved: boolean;
  latestMoved: boolean;
  latest: StoredEntry | undefined;
  concealed: LatestMessage | undefined;
}

/** The state of a conversation, with what this transaction has done. */
export type ConversationState = Readonly<
  Omit<LockedConversation, "latestMessage" | "name" | "data" | "history" | "activity">
>;

/**
 * The conversations that one transaction has locked: each is moved on in memory, entry by entry, and written once. No
 * statement is run here, so that a batch takes as many statements however many entries and members it has.
 */
export class ConversationBatch {
  readonly #states = new Map<string, State>();
  readonly #members: BatchMembers;
  readonly #messages: NewMessage[] = [];
  readonly #tombstones: Tombstone[] = [];
  readonly #receipts: BatchReceipts;

  /**
   * @param standings of all users that the batch's membership changes name
   * @param receipts that the batch advances
   */
  constructor(
    locked: readonly LockedConversation[],
    standings: readonly RawStanding[] = [],
    receipts: readonly LoadedReceipt[] = [],
  ) {
    this.#members = new BatchMembers(standings);
    this.#receipts = new BatchReceipts(receipts);
    for (const row of locked) {
      this.#states.set(row.id, {
        ...row,
        moved: false,
        headBefore: row.head,
        isActive: false,
        viewMoved: false,
        membersMoved: false,
        receiptsMoved: false,
        isRedacted: false,
        isPruned: false,
        infoMoved: false,
        latestMoved: false,
        latest: undefined,
        concealed: undefined,
      });
    }
  }

  /** The state now; undefined if there is no such conversation. */
  get(conversationId: string): ConversationState | undefined {
    return this.#states.get(conversationId);
  }

  /** Where these users stand now; those who never were members are left out. */
  standings({ key }: ConversationState, userIds: readonly string[]): ReadonlyMap<string, Standing> {
    return this.#members.standings(key, userIds);
  }

  /** Adds an entry to its conversation's log. @throws when the body can't be encoded */
  store(entry: StoredEntry): void {
    const { key: conversation } = this.#states.get(entry.conversationId)!;
    this.#messages.push({
      conversation,
      id: entry.messageId,
      bytes: contentBytes(entry),
      body: encodeBody(entry),
      sender: entry.senderId,
      device: idBytes(entry.deviceId),
      clientMessage: idBytes(entry.clientMessageId),
    });
  }

  /** Moves a conversation on by its next entry. Those whom `membership` adds are no members, the others are. */
  move(entry: StoredEntry, membership?: MembershipChange, update?: ConversationUpdate): void {
    const state = this.#states.get(entry.conversationId)!;
    touch(state);
    if (membership !== undefined) this.#changeMembers(state, entry, membership);
    if (update !== undefined) changeInfo(state, update);
    const counts = entry.ordinal > state.ordinal;
    if (counts) {
      show(state, entry);
      this.#receipts.sent(state.key, entry.senderId, entry);
    }
    // Who comes and goes does not push a conversation up the list.
    if (counts || entry.messageId === 1) state.isActive = true;
    state.head = entry.messageId;
    state.fingerprint = entry.fingerprint;
    state.ordinal = entry.ordinal;
  }

  /** Notes that an entry which was just moved to redacts something. */
  redacted(conversationId: string, messageId: number): void {
    const state = this.#states.get(conversationId)!;
    state.lastRedaction = messageId;
    state.isRedacted = true;
  }

  /** Takes an entry's body away, also out of the row if that shows it. */
  wipe(entry: StoredEntry): void {
    const state = this.#states.get(entry.conversationId)!;
    const tombstone = tombstoneOf(entry);
    this.#tombstones.push({ conversation: state.key, id: entry.messageId, body: encodeBody(tombstone) });
    if (state.latestId !== entry.messageId) return;
    touch(state);
    show(state, tombstone);
  }

  /** Takes the words out of the row if it shows a message of which that is to be said. The conversation was locked whole. */
  conceal(conversationId: string, isGone: (latest: LatestMessage) => boolean): void {
    const state = this.#states.get(conversationId)!;
    const latest = shownBy(state);
    if (latest === undefined || latest.redacted === true || !isGone(latest)) return;
    touch(state);
    state.latestMoved = true;
    state.concealed = concealed(latest);
  }

  /** Notes that the entries below an id are deleted, the last of which has this ordinal. */
  pruned(conversationId: string, firstId: number, ordinal: number): void {
    const state = this.#states.get(conversationId)!;
    touch(state);
    Object.assign(state, { firstId, firstOrdinal: ordinal, isPruned: true });
    if (state.latestId >= firstId) return;
    state.latestMoved = true;
    state.latest = undefined;
    state.concealed = undefined;
  }

  /** Moves a member's watermarks on; undefined for a user who is no member. */
  advance(advance: ReceiptAdvance, receiptMembers: number): AdvancedReceipt | undefined {
    const state = this.#states.get(advance.conversationId);
    if (state === undefined) return undefined;
    const advanced = this.#receipts.advance(state.key, advance, state.memberCount <= receiptMembers);
    if (advanced?.moved === true) {
      state.moved = true;
      state.receiptsMoved = true;
      state.viewMoved ||= advanced.shared;
    }
    return advanced;
  }

  writes(): BatchWrites {
    const moved = [...this.#states.values()].filter((state) => state.moved);
    // In one order, so that two transactions never wait for each other.
    moved.sort((left, right) => left.key - right.key);
    return {
      messages: this.#messages,
      tombstones: this.#tombstones,
      conversations: moved.map(toMoved),
      infos: moved.flatMap(({ key, name, data, history, infoMoved }) =>
        infoMoved ? [{ key, name, data, history: history! }] : [],
      ),
      ...this.#members.writes(),
      ...this.#receipts.writes(),
    };
  }

  #changeMembers(state: State, entry: StoredEntry, membership: MembershipChange): void {
    const { key, fingerprint, ordinal, latestId, name, data } = state;
    state.memberCount += membership.add.length - membership.remove.length;
    const shown = { fingerprint, ordinal, memberCount: state.memberCount, latestId, name, data };
    const activity = state.isActive ? undefined : state.activity;
    this.#members.change(key, entry.messageId, membership, { ...shown, activity });
    for (const userId of membership.remove) this.#receipts.leave(key, userId);
    for (const { userId } of membership.add) this.#receipts.join(key, userId, entry);
    state.membershipVersion = entry.messageId;
    state.membersMoved = true;
  }
}

/** What all members' rows show has moved. */
function touch(state: State): void {
  state.moved = true;
  state.viewMoved = true;
}

function show(state: State, entry: StoredEntry): void {
  state.latestId = entry.messageId;
  state.latest = entry;
  state.concealed = undefined;
  state.latestMoved = true;
}

/** The latest message as the row shows it now. */
function shownBy({ concealed, latest, latestMoved, latestMessage }: State): LatestMessage | undefined {
  if (concealed !== undefined) return concealed;
  if (latestMoved) return latest && latestOf(latest);
  return latestMessage === null ? undefined : decodeLatest(latestMessage);
}

function changeInfo(state: State, { name, data, historyVisibility }: ConversationUpdate): void {
  state.infoMoved = true;
  if (name !== undefined) state.name = name === "" ? null : name;
  if (data !== undefined) state.data = Object.keys(data).length === 0 ? null : JSON.stringify(data);
  if (historyVisibility !== undefined) state.history = historyVisibility;
}

function toMoved(state: State): MovedConversation {
  const { key, head, fingerprint, ordinal, membershipVersion, memberCount, lastRedaction } = state;
  const { headBefore, isActive, viewMoved, membersMoved, receiptsMoved, isRedacted, isPruned } = state;
  const { latestId, latestMoved, firstId, firstOrdinal } = state;
  const latest = latestMoved ? shownBy(state) : undefined;
  return {
    ...{ key, head, fingerprint, ordinal, membershipVersion, memberCount, lastRedaction },
    ...{ isActive, viewMoved, membersMoved, receiptsMoved, isRedacted, isPruned },
    ...{ latestId, latestMoved, firstId, firstOrdinal },
    firstNew: headBefore + 1,
    latest: latest === undefined ? null : encodeLatest(latest),
  };
}
