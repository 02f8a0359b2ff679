import { deviceStorage } from "./browser-storage.js";
import type { ChatSummary } from "./chat.js";

/** How far this user has read each conversation, on this device. */
export interface SeenMessages {
  /** True if somebody else has written since. */
  hasNew(summary: ChatSummary): boolean;
  /** @returns true if that is news */
  markSeen(summary: ChatSummary): boolean;
}

export function seenMessages(userId: string): SeenMessages {
  const key = `seen ${userId}`;
  const seen = new Map<string, number>();
  try {
    const kept = Object.entries(JSON.parse(deviceStorage.get(key) ?? "{}") as Record<string, unknown>);
    for (const [id, messageId] of kept) if (typeof messageId === "number") seen.set(id, messageId);
  } catch {
    // Then everything is new.
  }
  return {
    hasNew({ id, latest }) {
      return latest !== undefined && latest.senderId !== userId && latest.messageId > (seen.get(id) ?? 0);
    },
    markSeen({ id, latest }) {
      if (latest === undefined || latest.messageId <= (seen.get(id) ?? 0)) return false;
      seen.set(id, latest.messageId);
      deviceStorage.set(key, JSON.stringify(Object.fromEntries(seen)));
      return true;
    },
  };
}
