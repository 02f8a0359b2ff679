import type { Role } from "@chat/protocol";
import type { MembershipChange } from "../message-store.js";
import type { BatchWrites, EndedInterval, LeftState } from "./batch-writes.js";
import type { Standing } from "../log-follower.js";

/** A participation, as far as membership changes look at it. */
export interface RawStanding {
  readonly conversation: number;
  readonly userId: string;
  readonly joinedAt: number;
  readonly visibleFrom: number;
  readonly leftAt: number | null;
  readonly role: Role;
  readonly intervals: number;
  readonly leftLatestId: number | null;
  /** The intervals before the newest one, as JSON. */
  readonly earlier: string | null;
}

interface Participation {
  readonly conversation: number;
  readonly userId: string;
  joinedAt: number;
  visibleFrom: number;
  leftAt: number | undefined;
  role: Role;
  intervals: number;
  leftLatestId: number | null;
  earlier: (readonly [number, number])[];
  left: LeftState | undefined;
  moved: boolean;
}

/** What a conversation's row shows when somebody leaves; the latest message only to those who may see it. */
export type Shown = Omit<LeftState, "at"> & { readonly latestId: number };

/** The participations that one transaction changes, in the order of the entries that say so. */
export class BatchMembers {
  readonly #participations = new Map<string, Participation>();
  readonly #takenIn: { conversation: number; userId: string }[] = [];
  #intervals: EndedInterval[] = [];

  /** @param standings of all users that will be named */
  constructor(standings: readonly RawStanding[]) {
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

  /** Where these users stand now; those who never were members are left out. */
  standings(conversation: number, userIds: readonly string[]): ReadonlyMap<string, Standing> {
    const found = new Map<string, Standing>();
    for (const userId of userIds) {
      const known = this.#participations.get(keyOf(conversation, userId));
      if (known !== undefined) {
        found.set(userId, { member: known.leftAt === undefined, intervals: known.intervals });
      }
    }
    return found;
  }

  /** Those who are added are no members, those who are removed are. */
  change(conversation: number, messageId: number, membership: MembershipChange, shown: Shown): void {
    const { add, remove, fromStart = false, roles = [] } = membership;
    for (const userId of remove) this.#leave(conversation, messageId, userId, shown);
    for (const { userId, role } of add) this.#join(conversation, messageId, userId, role, fromStart);
    for (const { userId, role } of roles) {
      const participation = this.#participations.get(keyOf(conversation, userId));
      if (participation === undefined || participation.leftAt !== undefined) continue;
      participation.role = role;
      participation.moved = true;
    }
  }

  writes(): Pick<BatchWrites, "participations" | "takenIn" | "intervals"> {
    return {
      participations: [...this.#participations.values()].filter((participation) => participation.moved),
      takenIn: this.#takenIn,
      intervals: this.#intervals,
    };
  }

  #join(conversation: number, messageId: number, userId: string, role: Role, fromStart: boolean): void {
    const visibleFrom = fromStart ? 1 : messageId;
    const before = this.#participations.get(keyOf(conversation, userId));
    if (before !== undefined && fromStart) this.#takeIn(conversation, userId);
    else if (before !== undefined) {
      const ended = [before.visibleFrom, before.leftAt!] as const;
      before.earlier.push(ended);
      this.#intervals.push({ conversation, userId, from: ended[0], to: ended[1] });
    }
    this.#participations.set(keyOf(conversation, userId), {
      conversation,
      userId,
      joinedAt: messageId,
      visibleFrom,
      leftAt: undefined,
      role,
      intervals: visibleFrom === 1 ? 1 : (before?.intervals ?? 0) + 1,
      leftLatestId: before?.leftLatestId ?? null,
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
  #leave(conversation: number, messageId: number, userId: string, { latestId, ...shown }: Shown): void {
    const participation = this.#participations.get(keyOf(conversation, userId))!;
    const saw =
      latestId >= participation.visibleFrom ||
      participation.earlier.some(([from, to]) => latestId >= from && latestId < to);
    participation.leftAt = messageId;
    participation.left = { ...shown, at: messageId };
    // If not, it is still what they saw last before.
    if (saw) participation.leftLatestId = latestId;
    participation.moved = true;
  }
}

function keyOf(conversation: number, userId: string): string {
  return `${conversation} ${userId}`;
}
