import type { Runtime, SetPresenceFrame, UserPresence, WatchPresenceFrame } from "@chat/protocol";
import type { FakeRecipient } from "./fake-chat.js";

/** Who is there, told at once; everybody may see everybody. */
export interface FakePresence {
  watch(session: FakeRecipient, frame: WatchPresenceFrame): readonly UserPresence[];
  set(session: FakeRecipient, frame: SetPresenceFrame): readonly UserPresence[];
  /** A user has another session, or one less. */
  changed(userId: string): void;
}

/** @param sessions those who are connected; the set lives */
export function createFakePresence(
  { clock }: Pick<Runtime, "clock">,
  sessions: ReadonlySet<FakeRecipient>,
): FakePresence {
  const watching = new WeakMap<FakeRecipient, Set<string>>();
  const idle = new WeakMap<FakeRecipient, number>();
  const invisible = new Set<string>();
  const lastActiveAt = new Map<string, number>();

  function presenceOf(userId: string, observer: string): UserPresence {
    const own = [...sessions].filter((session) => session.userId === userId);
    const isHidden = invisible.has(userId);
    const last = lastActiveAt.get(userId);
    const since = last === undefined ? {} : { lastActiveAt: last };
    if (own.length === 0 || (isHidden && observer !== userId)) return { userId, status: "offline", ...since };
    const hidden = isHidden ? { invisible: true } : {};
    if (own.some((session) => !idle.get(session))) return { userId, status: "online", ...hidden };
    return { userId, status: "away", ...since, ...hidden };
  }

  function changed(userId: string): void {
    for (const session of sessions) {
      if (!watching.get(session)?.has(userId)) continue;
      session.send({ type: "presence-changed", presence: presenceOf(userId, session.userId) });
    }
  }

  return {
    watch(session, { userIds, forget = [] }) {
      const watched = watching.get(session) ?? new Set<string>();
      watching.set(session, watched);
      for (const userId of forget) watched.delete(userId);
      for (const userId of userIds) watched.add(userId);
      return userIds.map((userId) => presenceOf(userId, session.userId));
    },
    set(session, frame) {
      const { userId } = session;
      if (frame.idle !== undefined) {
        idle.set(session, frame.idle);
        lastActiveAt.set(userId, clock.now() - frame.idle);
      }
      if (frame.invisible === true) invisible.add(userId);
      if (frame.invisible === false) invisible.delete(userId);
      changed(userId);
      return [presenceOf(userId, userId)];
    },
    changed(userId) {
      if (![...sessions].some((session) => session.userId === userId)) lastActiveAt.set(userId, clock.now());
      changed(userId);
    },
  };
}
