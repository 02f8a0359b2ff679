import type { Completeness, Conversation, CustomData } from "../index.js";
import { useMemo } from "react";
import { useChatClient } from "./chat-provider.js";
import { useSnapshot } from "./use-snapshot.js";

/** What {@link useConversations} gives. */
export interface ConversationsView<C extends CustomData = CustomData> {
  /** Newest activity first. */
  readonly items: readonly Conversation<C>[];
  readonly state: Completeness;
}

const NONE: readonly Conversation[] = Object.freeze([]);

/** The user's conversations. Renders again whenever one of them, or its summary, changed. */
export function useConversations<C extends CustomData = CustomData>(): ConversationsView<C> {
  const list = useChatClient<C>()?.conversations;
  const items = useSnapshot(list, (list) => list.items, NONE as readonly Conversation<C>[]);
  const state = useSnapshot(list, (list) => list.state, "filling");
  return useMemo(() => ({ items, state }), [items, state]);
}

/**
 * One conversation. Renders again whenever its summary changed, or who is writing in it.
 * @returns undefined while this device does not know it; `client.conversations.fetch` asks the server
 */
export function useConversation<C extends CustomData = CustomData>(
  conversationId: string | undefined,
): Conversation<C> | undefined {
  const list = useChatClient<C>()?.conversations;
  const known = (): Conversation<C> | undefined =>
    conversationId === undefined ? undefined : list?.get(conversationId);
  const conversation = useSnapshot(list, known, undefined);
  useSnapshot(conversation, ({ summary }) => summary, undefined);
  useSnapshot(conversation, ({ typing }) => typing, undefined);
  return conversation;
}
