import { createChatClient } from "@chat/client";
import { drawAvatar } from "../avatar.js";
import { type Chat, nameOf, type QuickstartData } from "../chat.js";
import { sentenceOf } from "../sentence-of.js";
import { byId, setText } from "../element.js";
import { currentRoute, goTo } from "../route.js";
import type { SavedLogin } from "../saved-login.js";
import { openConversation } from "./conversation.js";
import { openConversationList } from "./conversation-list.js";
import { showConnectionStatus } from "./connection-status.js";
import { prepareDialogs } from "./dialogs.js";
import { prepareNotifications } from "./notifications.js";
import { preparePrivacy } from "./privacy.js";

const isWide = matchMedia("(min-width: 641px)");

/** The chat of one user. Resolves when they log out, or have to log in again. */
export async function showChat({ userId, token, name }: SavedLogin): Promise<void> {
  const chat: Chat = createChatClient<QuickstartData>({ url: "/chat", userId, token });
  const screen = byId("chat-screen", HTMLElement);
  const stop = new AbortController();
  let isLeaving = false;
  const list = openConversationList(chat);
  const closeStatus = showConnectionStatus(chat, () => stop.abort());
  const closeDialogs = prepareDialogs(chat, {
    open: ({ id }) => goTo(id),
    logOut() {
      isLeaving = true;
      stop.abort();
    },
  });

  const endNotifications = prepareNotifications(chat);
  const closePrivacy = preparePrivacy(chat);

  let openId: string | undefined;
  let closeConversation: (() => void) | undefined;

  function show(
    conversationId: string | undefined,
    sentence = "Choose a conversation, or start a new one.",
  ): void {
    closeConversation?.();
    const conversation = conversationId === undefined ? undefined : chat.conversations.get(conversationId);
    openId = conversation?.id;
    screen.dataset["screen"] = conversationId === undefined ? "list" : "conversation";
    screen.classList.toggle("has-conversation", conversation !== undefined);
    setText(byId("no-conversation-text", HTMLElement), sentence);
    closeConversation =
      conversation &&
      openConversation(chat, conversation, () => {
        // Closed meanwhile, if at all; then it is read when it is looked at again.
        if (conversation.summary.unreadCount > 0) conversation.markRead().catch(() => {});
      });
    list.select(conversation?.id);
  }

  async function follow(): Promise<void> {
    const route = currentRoute();
    if (route.screen !== "conversation") {
      const left = openId;
      show(undefined);
      if (left !== undefined) list.focus(left);
      return;
    }
    const { conversationId } = route;
    if (conversationId === openId) return;
    if (chat.conversations.get(conversationId) === undefined) {
      show(conversationId, "Looking for this conversation…");
      try {
        await chat.conversations.fetch(conversationId, { signal: stop.signal });
      } catch (error) {
        if (!stop.signal.aborted) show(conversationId, sentenceOf(error));
        return;
      }
      // Meanwhile somebody may have gone elsewhere.
      const now = currentRoute();
      if (now.screen !== "conversation" || now.conversationId !== conversationId) return;
    }
    show(conversationId);
    focusConversation();
  }

  function focusConversation(): void {
    // A keyboard on a phone's screen comes when it is asked for.
    if (matchMedia("(pointer: fine)").matches) byId("composer", HTMLTextAreaElement).focus();
    else byId("conversation", HTMLElement).focus();
  }

  /** Where there is room for two panes, the second one is not left empty. */
  function openNewest(): void {
    const [newest] = chat.conversations.items;
    if (newest === undefined || openId !== undefined || !isWide.matches) return;
    if (currentRoute().screen === "list")
      location.replace(`${location.pathname}#/conversation/${encodeURIComponent(newest.id)}`);
  }

  function drawMe(): void {
    const shown = nameOf(chat, userId);
    setText(byId("my-name", HTMLElement), shown);
    drawAvatar(byId("my-avatar", HTMLElement), userId, shown);
    // The first time, others see the name as it was typed.
    const me = chat.users.get(userId);
    if (me !== undefined && me.name === undefined && chat.status.connection === "online" && !isNamed) {
      isNamed = true;
      chat.users.setProfile({ name }, { signal: stop.signal }).catch(() => (isNamed = false));
    }
  }
  let isNamed = false;

  await chat.ready();
  screen.hidden = false;
  drawMe();
  const leaveWithOthers = (): void => {
    if (chat.status.connection === "closed") stop.abort();
  };
  const subscriptions = [
    chat.users.subscribe(drawMe),
    chat.subscribe(drawMe),
    // Logged out in another tab.
    chat.subscribe(leaveWithOthers),
  ];
  window.addEventListener("hashchange", () => void follow(), { signal: stop.signal });
  void follow();
  const stopOpening = chat.conversations.subscribe(() => {
    if (chat.status.synced || openId !== undefined) {
      openNewest();
      stopOpening();
    }
  });
  openNewest();

  await new Promise((resolve) => stop.signal.addEventListener("abort", resolve));
  for (const end of [...subscriptions, stopOpening]) end();
  closeConversation?.();
  closeDialogs();
  closePrivacy();
  closeStatus();
  list.close();
  screen.hidden = true;
  for (const id of ["conversation-list", "message-list", "member-list"])
    byId(id, HTMLElement).replaceChildren();
  await endNotifications(isLeaving);
  // On a shared computer nothing of this user stays behind, in no tab.
  await (isLeaving ? chat.logout() : chat.close());
}
