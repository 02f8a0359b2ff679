"use client";

export { ChatProvider, type ChatProviderProps, useChatClient } from "./chat-provider.js";
export { useConnection } from "./use-connection.js";
export { type ConversationsView, useConversation, useConversations } from "./use-conversations.js";
export { usePresence } from "./use-presence.js";
export { usePrivacy } from "./use-privacy.js";
export { type TimelineView, useTimeline, type UseTimelineOptions } from "./use-timeline.js";
export { useUser } from "./use-user.js";
