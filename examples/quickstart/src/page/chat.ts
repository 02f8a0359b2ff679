import type { ChatClient, Conversation, ConversationSummary, TimelineMessage } from "@chat/client";

/**
 * What this application adds to messages: when it was said, if that was long before it was stored (see
 * src/guide.ts).
 */
export interface QuickstartData {
  readonly entry: { readonly saidAt?: number };
}

// The client's types with this application's data in them.
export type Chat = ChatClient<QuickstartData>;
export type ChatConversation = Conversation<QuickstartData>;
export type ChatSummary = ConversationSummary<QuickstartData>;
export type ChatMessage = TimelineMessage<QuickstartData>;

/** The name that others see, or the one of the login. */
export function nameOf(chat: Chat, userId: string): string {
  return chat.users.get(userId)?.name ?? userId;
}

/** What a conversation is called. */
export function titleOf(chat: Chat, { name, peerId }: ChatSummary): string {
  return peerId === undefined ? (name ?? "Group") : nameOf(chat, peerId);
}

/** True while this user wants to hear nothing of a conversation. */
export function isMutedNow({ mutedUntil = 0 }: ChatSummary): boolean {
  return mutedUntil > Date.now();
}

/** True if this user has blocked another. */
export function isBlocked(chat: Chat, userId: string): boolean {
  return chat.privacy.blocked.includes(userId);
}

/** Blocks somebody, or lifts the block. */
export function toggleBlock(chat: Chat, userId: string, signal: AbortSignal): Promise<void> {
  return isBlocked(chat, userId) ? chat.unblock(userId, { signal }) : chat.block(userId, { signal });
}

/** When a message was said. It is somebody else's data: anything may be in there. */
export function saidAt({ data, createdAt }: ChatMessage): number {
  const time: unknown = data?.saidAt;
  return typeof time === "number" && Math.abs(time) < 8e15 ? time : createdAt;
}

/** What stands where a message was that its sender, or a moderator, has deleted. */
export const TOMBSTONE = "This message was deleted.";
