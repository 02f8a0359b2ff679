import { type HistoryVisibility, type Role, tombstoneOf } from "@chat/protocol";
import { contentBytes } from "../content-bytes.js";
import type { AdvancedReceipt, ReceiptAdvance } from "../conversation-store.js";
import type { ConversationUpdate, MembershipChange } from "../message-store.js";
import type { StoredEntry } from "../stored-entry.js";
import { BatchReceipts, type LoadedReceipt } from "./batch-receipts.js";
import type {
  BatchWrites,
  EndedInterval,
  LeftState,
  MovedConversation,
  NewMessage,
  Tombstone,
} from "./batch-writes.js";
import { encodeBody } from "./entry-body.js";
import { encodeLatest, latestOf } from "./latest-message.js";
import type { Standing } from "./membership-problem.js";
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
  readonly activity: number;
  readonly latestId: number;
  /** These three are read only where they may be needed. */
  readonly name: string | null;
  readonly data: string | null;
  readonly history: HistoryVisibility | null;
}

/** A participation, as far as membership changes look at it. */
export interface RawStanding {
  readonly conversation: number;
  readonly userId: string;
  readonly joinedAt: number;
  readonly visibleFrom: number;
  readonly leftAt: number | null;
  readonly role: Role;
  readonly intervals: number;
  /** The intervals before the newest one, as JSON. */
  readonly earlier: string | null;
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
  infoMoved: boolean;
  latestMoved: boolean;
  latest: StoredEntry | undefined;
}

/** The state of a conversation, with what this transaction has done. */
export type ConversationState = Readonly<Omit<LockedConversation, "name" | "data" | "history" | "activity">>;

interface Participation {
  readonly conversation: number;
  readonly userId: string;
  joinedAt: number;
  visibleFrom: number;
  leftAt: number | undefined;
  role: Role;
  intervals: number;
  earlier: (readonly [number, number])[];
  left: LeftState | undefined;
  moved: boolean;
}

/**
 * The conversations that one transaction has locked: each is moved on in memory, entry by entry, and written once. No
 * statement is run here, so that a batch takes as many statements however many entries and members it has.
 */
export class ConversationBatch {
  readonly #states = new Map<string, State>();
  readonly #participations = new Map<string, Participation>();
  readonly #messages: NewMessage[] = [];
  readonly #tombstones: Tombstone[] = [];
  readonly #takenIn: { conversation: number; userId: string }[] = [];
  readonly #receipts: BatchReceipts;
  #intervals: EndedInterval[] = [];

  /**
   * @param standings of all users that the batch's membership changes name
   * @param receipts that the batch advances
   */
  constructor(
    locked: readonly LockedConversation[],
    standings: readonly RawStanding[] = [],
    receipts: readonly LoadedReceipt[] = [],
  ) {
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
        infoMoved: false,
        latestMoved: false,
        latest: undefined,
      });
    }
    for (const { leftAt, earlier, ...row } of standings) {
      this.#participations.set(keyOf(row.conversation, row.userId), {
        ...row,
        leftAt: leftAt ?? undefined,
        earlier: earlier === null ? [] : (JSON.parse(earlier) as [number, number][]),
        left: undefined,
        moved: false,
      });
    }
  }

  /** The state now; undefined if there is no such conversation. */
  get(conversationId: string): ConversationState | undefined {
    return this.#states.get(conversationId);
  }

  /** Where these users stand now; those who never were members are left out. */
  standings({ key }: ConversationState, userIds: readonly string[]): ReadonlyMap<string, Standing> {
    const found = new Map<string, Standing>();
    for (const userId of userIds) {
      const known = this.#participations.get(keyOf(key, userId));
      if (known !== undefined) {
        found.set(userId, { member: known.leftAt === undefined, intervals: known.intervals });
      }
    }
    return found;
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

  /** Notes that the entries below an id are deleted. */
  pruned(conversationId: string, firstId: number): void {
    const state = this.#states.get(conversationId)!;
    touch(state);
    state.firstId = firstId;
    if (state.latestId >= firstId) return;
    state.latestMoved = true;
    state.latest = undefined;
  }

  /** Moves a member's watermarks on; undefined for a user who is no member. */
  advance(advance: ReceiptAdvance, receiptMembers: number): AdvancedReceipt | undefined {
    const state = this.#states.get(advance.conversationId);
    if (state === undefined) return undefined;
    const shared = state.memberCount <= receiptMembers;
    const advanced = this.#receipts.advance(state.key, advance, shared);
    if (advanced?.moved === true) {
      state.moved = true;
      state.receiptsMoved = true;
      state.viewMoved ||= shared;
    }
    return advanced && { ...advanced, shared };
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
      participations: [...this.#participations.values()].filter((participation) => participation.moved),
      ...this.#receipts.writes(),
      takenIn: this.#takenIn,
      intervals: this.#intervals,
    };
  }

  #changeMembers(state: State, entry: StoredEntry, membership: MembershipChange): void {
    const { messageId } = entry;
    const { add, remove, fromStart = false, roles = [] } = membership;
    state.memberCount += add.length - remove.length;
    for (const userId of remove) {
      this.#leave(state, messageId, userId);
      this.#receipts.leave(state.key, userId);
    }
    for (const { userId, role } of add) {
      this.#join(state, messageId, userId, role, fromStart);
      this.#receipts.join(state.key, userId, entry);
    }
    for (const { userId, role } of roles) {
      const participation = this.#participations.get(keyOf(state.key, userId));
      if (participation === undefined || participation.leftAt !== undefined) continue;
      participation.role = role;
      participation.moved = true;
    }
    state.membershipVersion = messageId;
    state.membersMoved = true;
  }

  #join(state: State, messageId: number, userId: string, role: Role, fromStart: boolean): void {
    const visibleFrom = fromStart ? 1 : messageId;
    const before = this.#participations.get(keyOf(state.key, userId));
    if (before !== undefined && fromStart) this.#takeIn(state.key, userId);
    else if (before !== undefined) {
      const ended = [before.visibleFrom, before.leftAt!] as const;
      before.earlier.push(ended);
      this.#intervals.push({ conversation: state.key, userId, from: ended[0], to: ended[1] });
    }
    this.#participations.set(keyOf(state.key, userId), {
      conversation: state.key,
      userId,
      joinedAt: messageId,
      visibleFrom,
      leftAt: undefined,
      role,
      intervals: visibleFrom === 1 ? 1 : (before?.intervals ?? 0) + 1,
      earlier: fromStart ? [] : (before?.earlier ?? []),
      left: undefined,
      moved: true,
    });
  }

  /** An interval from the first entry on takes in all that were before it. */
  #takeIn(conversation: number, userId: string): void {
    this.#takenIn.push({ conversation, userId });
    this.#intervals = this.#intervals.filter(
      (interval) => interval.conversation !== conversation || interval.userId !== userId,
    );
  }

  /** A former member's row stays as it was: what it shows is copied, as far as the user could see it. */
  #leave(state: State, messageId: number, userId: string): void {
    const participation = this.#participations.get(keyOf(state.key, userId))!;
    const { latestId, fingerprint, ordinal, memberCount, name, data } = state;
    const saw =
      latestId >= participation.visibleFrom ||
      participation.earlier.some(([from, to]) => latestId >= from && latestId < to);
    participation.leftAt = messageId;
    participation.left = {
      at: messageId,
      fingerprint,
      ordinal,
      activity: state.isActive ? undefined : state.activity,
      memberCount,
      latestId: saw ? latestId : null,
      name,
      data,
    };
    participation.moved = true;
  }
}

function keyOf(conversation: number, userId: string): string {
  return `${conversation} ${userId}`;
}

/** What all members' rows show has moved. */
function touch(state: State): void {
  state.moved = true;
  state.viewMoved = true;
}

function show(state: State, entry: StoredEntry): void {
  state.latestId = entry.messageId;
  state.latest = entry;
  state.latestMoved = true;
}

function changeInfo(state: State, { name, data, historyVisibility }: ConversationUpdate): void {
  state.infoMoved = true;
  if (name !== undefined) state.name = name === "" ? null : name;
  if (data !== undefined) state.data = Object.keys(data).length === 0 ? null : JSON.stringify(data);
  if (historyVisibility !== undefined) state.history = historyVisibility;
}

function toMoved(state: State): MovedConversation {
  const { key, head, fingerprint, ordinal, membershipVersion, memberCount, lastRedaction, firstId } = state;
  const { headBefore, isActive, viewMoved, membersMoved, receiptsMoved, isRedacted } = state;
  const { latestId, latestMoved, latest } = state;
  return {
    ...{ key, head, fingerprint, ordinal, membershipVersion, memberCount, lastRedaction, firstId },
    ...{ isActive, viewMoved, membersMoved, receiptsMoved, isRedacted, latestId, latestMoved },
    firstNew: headBefore + 1,
    latest: latest === undefined ? null : encodeLatest(latestOf(latest)),
  };
}
