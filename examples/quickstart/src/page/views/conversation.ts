import { presenceOf } from "@chat/client/presence";
import { drawAvatar } from "../avatar.js";
import {
  type Chat,
  type ChatConversation,
  type ChatSummary,
  isBlocked,
  isMutedNow,
  nameOf,
  titleOf,
} from "../chat.js";
import { sentenceOf } from "../sentence-of.js";
import { byId, setText } from "../element.js";
import { oncePerFrame } from "../once-per-frame.js";
import { drawPresence, presenceText } from "../presence.js";
import { openComposer } from "./composer.js";
import { prepareConversationSettings } from "./conversation-settings.js";
import { openMembers } from "./members.js";
import { openMessageList } from "./message-list.js";

/** One conversation: its header, messages, composer and members. */
export function openConversation(chat: Chat, conversation: ChatConversation, onRead: () => void): () => void {
  const openMembersButton = byId("open-members", HTMLButtonElement);
  const muteButton = byId("mute", HTMLButtonElement);
  const stop = new AbortController();
  const presence = presenceOf(chat);
  let closeMembers: (() => void) | undefined;

  const messages = openMessageList(chat, conversation, () => {
    if (document.visibilityState === "visible") onRead();
  });
  const closeSettings = prepareConversationSettings(chat, conversation);
  const closeComposer = openComposer(chat, conversation, () => messages.scrollToEnd());

  function draw(): void {
    if (stop.signal.aborted) return;
    const { summary } = conversation;
    const title = titleOf(chat, summary);
    const avatar = byId("conversation-avatar", HTMLElement);
    drawAvatar(avatar, summary.peerId ?? summary.id, title);
    const status = summary.peerId === undefined ? undefined : presence.get(summary.peerId);
    drawPresence(avatar, status);
    setText(byId("conversation-title", HTMLElement), title);
    const isGroup = summary.type === "group";
    const people = summary.memberCount === 1 ? "1 member" : `${summary.memberCount} members`;
    const subtitle = isGroup ? people : presenceText(status) || "Direct conversation";
    setText(byId("conversation-subtitle", HTMLElement), typingText() ?? subtitle);
    const isMuted = isMutedNow(summary);
    muteButton.hidden = !summary.member;
    muteButton.ariaPressed = String(isMuted);
    muteButton.querySelector("use")?.setAttribute("href", isMuted ? "#icon-bell-off" : "#icon-bell");
    openMembersButton.hidden = !isGroup || !summary.member;
    if (!summary.member && closeMembers !== undefined) toggleMembers();
    const obstacle = obstacleOf(summary, title);
    byId("composer-form", HTMLFormElement).hidden = obstacle !== undefined;
    byId("cannot-write", HTMLElement).hidden = obstacle === undefined;
    setText(byId("cannot-write", HTMLElement), obstacle ?? "");
    if (messages.isAtEnd() && document.visibilityState === "visible") onRead();
  }
  const drawSoon = oncePerFrame(draw);

  /** Why nothing can be written here, if so. */
  function obstacleOf({ member, peerId }: ChatSummary, title: string): string | undefined {
    if (!member) return "You are no longer a member of this group.";
    return peerId !== undefined && isBlocked(chat, peerId)
      ? `You have blocked ${title}. The settings above unblock them.`
      : undefined;
  }

  function typingText(): string | undefined {
    const { typing, summary } = conversation;
    if (typing.length === 0) return undefined;
    if (summary.type === "direct") return "typing…";
    const names = typing.map((userId) => nameOf(chat, userId));
    return typing.length > 3
      ? "Several people are typing…"
      : `${new Intl.ListFormat("en").format(names)} ${typing.length === 1 ? "is" : "are"} typing…`;
  }

  function toggleMembers(): void {
    const isOpen = closeMembers !== undefined;
    closeMembers?.();
    closeMembers = isOpen ? undefined : openMembers(chat, conversation, toggleMembers);
    openMembersButton.ariaExpanded = String(!isOpen);
    if (isOpen) openMembersButton.focus();
  }
  openMembersButton.addEventListener("click", toggleMembers, { signal: stop.signal });

  async function toggleMute(): Promise<void> {
    const until = isMutedNow(conversation.summary) ? 0 : Infinity;
    try {
      await conversation.mute(until, { signal: stop.signal });
    } catch (error) {
      if (!stop.signal.aborted) setText(byId("conversation-subtitle", HTMLElement), sentenceOf(error));
    }
  }
  muteButton.addEventListener("click", () => void toggleMute(), { signal: stop.signal });

  const { peerId } = conversation.summary;
  // "Just now" becomes a time.
  const minute = setInterval(drawSoon, 60_000);
  const subscriptions = [
    conversation.subscribe(drawSoon),
    chat.users.subscribe(drawSoon),
    chat.subscribe(drawSoon),
    presence.watch(peerId === undefined ? [] : [peerId], drawSoon),
  ];
  draw();

  return () => {
    stop.abort();
    clearInterval(minute);
    for (const end of subscriptions) end();
    messages.close();
    closeComposer();
    closeSettings();
    closeMembers?.();
    openMembersButton.ariaExpanded = "false";
  };
}
