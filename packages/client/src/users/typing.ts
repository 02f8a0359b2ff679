import type { Cancel, Clock, TypingChangedFrame } from "@chat/protocol";
import * as CLIENT_LIMITS from "../client-limits.js";

/** That a member is writing, or has stopped. */
export type TypingNotice = Pick<TypingChangedFrame, "conversationId" | "userId" | "typing">;

/** Who is writing in which conversation, and that this user is. */
export interface TypingUsers {
  /** Of a conversation; the same array until it changed. */
  of(conversationId: string): readonly string[];
  /** Takes what the server tells. */
  heard(notice: TypingNotice): void;
  /** This user is writing, or has stopped: says so, now and then. */
  set(conversationId: string, typing: boolean): void;
  /** The connection is gone: nobody is known to write. */
  reset(): void;
}

const NOBODY: readonly string[] = Object.freeze([]);

export function createTyping(
  clock: Clock,
  say: (conversationId: string, typing: boolean) => void,
  changed: (conversationId: string) => void,
): TypingUsers {
  const writing = new Map<string, Map<string, Cancel>>();
  const shown = new Map<string, readonly string[]>();
  /** When it was said last that this user is writing. */
  const saidAt = new Map<string, number>();

  function heard({ conversationId, userId, typing }: TypingNotice): void {
    const users = writing.get(conversationId) ?? new Map<string, Cancel>();
    writing.set(conversationId, users);
    const wasTyping = users.has(userId);
    users.get(userId)?.();
    users.delete(userId);
    if (typing) {
      const expire = (): void => heard({ conversationId, userId, typing: false });
      users.set(userId, clock.schedule(CLIENT_LIMITS.typingExpires, expire));
    }
    if (wasTyping === typing) return;
    shown.set(conversationId, Object.freeze([...users.keys()]));
    changed(conversationId);
  }

  return {
    of: (conversationId) => shown.get(conversationId) ?? NOBODY,
    heard,

    set(conversationId, typing) {
      const last = saidAt.get(conversationId);
      const now = clock.monotonic();
      if (typing ? last !== undefined && now - last < CLIENT_LIMITS.typingRepeat : last === undefined) return;
      if (typing) saidAt.set(conversationId, now);
      else saidAt.delete(conversationId);
      say(conversationId, typing);
    },

    reset() {
      saidAt.clear();
      for (const [conversationId, users] of writing) {
        for (const userId of users.keys()) heard({ conversationId, userId, typing: false });
      }
    },
  };
}
