import type { ConversationType, HistoryVisibility, Role } from "@chat/protocol";
import type { Interval, Participation } from "../conversation-store.js";

/** A participation as a database gives it. */
export interface RawParticipation {
  readonly type: ConversationType;
  /** Some databases have no truth values. */
  readonly member: number | boolean;
  readonly role: Role;
  readonly visibleFrom: number;
  readonly leftAt: number | null;
  readonly membershipVersion: number;
  readonly memberCount: number;
  readonly historyVisibility: HistoryVisibility;
  readonly head: number;
  readonly ordinal: number;
  readonly firstId: number;
  readonly lastRedaction: number;
  readonly typing: number | boolean;
  readonly blocks: number | boolean;
  readonly blockedBy: number | boolean;
  /** The intervals before the newest one, as JSON. */
  readonly earlier: string | null;
}

/** A participation as users of the store see it. */
export function toParticipation(raw: RawParticipation): Participation {
  const { member, visibleFrom, leftAt, earlier, typing, blocks, blockedBy, ...state } = raw;
  const closed = earlier === null ? [] : (JSON.parse(earlier) as [number, number][]);
  closed.sort(([left], [right]) => left - right);
  const intervals: Interval[] = closed.map(([from, to]) => ({ from, to }));
  intervals.push({ from: visibleFrom, to: leftAt ?? undefined });
  return {
    ...state,
    member: Boolean(member),
    typing: Boolean(typing),
    blocks: Boolean(blocks),
    blockedBy: Boolean(blockedBy),
    intervals,
  };
}
