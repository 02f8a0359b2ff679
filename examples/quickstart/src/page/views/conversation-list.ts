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
  TOMBSTONE,
} from "../chat.js";
import { byId, element, icon, setText } from "../element.js";
import { fullTime, listTime } from "../format-time.js";
import { keyedChildren } from "../keyed-children.js";
import { oncePerFrame } from "../once-per-frame.js";
import { drawPresence, presenceText } from "../presence.js";
import { linkTo } from "../route.js";

/** All conversations, newest activity first. */
export interface ConversationListView {
  /** Marks the conversation that is on the screen. */
  select(conversationId: string | undefined): void;
  /** Puts the keyboard on a conversation. */
  focus(conversationId: string): void;
  close(): void;
}

export function openConversationList(chat: Chat): ConversationListView {
  const list = byId("conversation-list", HTMLUListElement);
  const empty = byId("list-empty", HTMLElement);
  const stop = new AbortController();
  // It watches the other users of direct conversations by itself.
  const presence = presenceOf(chat);
  let selected: string | undefined;

  list.replaceChildren();
  const show = keyedChildren<ChatConversation>(list, {
    key: ({ id }) => id,
    create: ({ id }) => createItem(id),
    update: (node, { summary }) => updateItem(node, summary),
  });

  function updateItem(node: HTMLElement, summary: ChatSummary): void {
    const link = linkIn(node);
    const title = titleOf(chat, summary);
    const { latest, unreadCount } = summary;
    node.dataset["new"] = String(unreadCount > 0);
    node.dataset["muted"] = String(isMutedNow(summary));
    if (mutedIn(link).hidden === isMutedNow(summary)) mutedIn(link).hidden = !isMutedNow(summary);
    if (summary.id === selected) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    const parts = [".avatar", ".name", "time", ".snippet", ".new-mark", ".presence"];
    const [avatar, name, time, snippet, mark, words] = parts.map((part) =>
      link.querySelector<HTMLElement>(part),
    ) as [HTMLElement, HTMLElement, HTMLTimeElement, HTMLElement, HTMLElement, HTMLElement];
    drawAvatar(avatar, summary.peerId ?? summary.id, title);
    const status = summary.peerId === undefined ? undefined : presence.get(summary.peerId);
    drawPresence(avatar, status);
    setText(words, presenceText(status));
    setText(name, title);
    setText(snippet, snippetOf(summary));
    setText(time, latest === undefined ? "" : listTime(latest.createdAt));
    if (latest !== undefined) time.title = fullTime(latest.createdAt);
    mark.hidden = unreadCount === 0;
    setText(mark.firstElementChild!, unreadCount > 99 ? "99+" : String(unreadCount));
  }

  function snippetOf({ latest, type, memberCount }: ChatSummary): string {
    if (latest === undefined) return type === "group" ? `${memberCount} members` : "No messages yet";
    const text = latest.redacted ? TOMBSTONE : (latest.snippet ?? "Something that this page cannot show");
    if (latest.senderId === chat.userId) return `You: ${text}`;
    if (type === "group" && isBlocked(chat, latest.senderId)) return "Somebody you have blocked wrote";
    return type === "direct" ? text : `${nameOf(chat, latest.senderId)}: ${text}`;
  }

  function draw(): void {
    if (stop.signal.aborted) return;
    const { items, state } = chat.conversations;
    show(items);
    // One stop for the Tab key; from there the arrow keys go on.
    const links = linksIn(list);
    const stops =
      links.find((link) => link === document.activeElement) ??
      links.find((link) => link.ariaCurrent) ??
      links[0];
    for (const link of links) link.tabIndex = link === stops ? 0 : -1;
    empty.hidden = items.length > 0;
    setText(
      empty,
      state === "complete"
        ? "No conversations yet. Begin one with the buttons above."
        : "Looking for your conversations…",
    );
    const waiting = items.filter(({ summary }) => summary.unreadCount > 0).length;
    document.title = waiting > 0 ? `(${waiting}) Chat` : "Chat";
  }
  const drawSoon = oncePerFrame(draw);

  list.addEventListener("keydown", (event) => moveFocus(event, linksIn(list)), { signal: stop.signal });
  list.addEventListener("focusin", drawSoon, { signal: stop.signal });
  // Today becomes yesterday.
  const midnight = setInterval(drawSoon, 60_000);
  const subscriptions = [
    chat.conversations.subscribe(drawSoon),
    chat.users.subscribe(drawSoon),
    chat.subscribe(drawSoon),
    presence.subscribe(drawSoon),
  ];
  draw();

  return {
    select(conversationId) {
      selected = conversationId;
      drawSoon();
    },
    focus(conversationId) {
      const link = linksIn(list).find(({ hash }) => hash === linkTo(conversationId));
      link?.focus();
    },
    close() {
      stop.abort();
      clearInterval(midnight);
      for (const end of subscriptions) end();
    },
  };
}

function createItem(conversationId: string): HTMLElement {
  const link = element(
    "a",
    { class: "conversation-link", attributes: { href: linkTo(conversationId) } },
    element("span", { class: "avatar", attributes: { "aria-hidden": "true" } }),
    element("span", { class: "name", testId: "conversation-name", isolated: true }),
    element("span", { class: "presence visually-hidden" }),
    element(
      "span",
      { class: "muted", testId: "muted" },
      icon("bell-off"),
      element("span", { class: "visually-hidden", text: " muted" }),
    ),
    element("time"),
    element("span", { class: "snippet", testId: "conversation-snippet", isolated: true }),
    element(
      "span",
      { class: "new-mark", testId: "new-mark" },
      element("span"),
      element("span", { class: "visually-hidden", text: " unread" }),
    ),
  );
  const item = element("li", { testId: "conversation-item" }, link);
  item.dataset["conversationId"] = conversationId;
  return item;
}

function linkIn(item: Element): HTMLAnchorElement {
  return item.firstElementChild as HTMLAnchorElement;
}

function mutedIn(link: Element): HTMLElement {
  return link.querySelector<HTMLElement>(".muted")!;
}

function linksIn(list: HTMLElement): HTMLAnchorElement[] {
  return [...list.children].map(linkIn);
}

function moveFocus(event: KeyboardEvent, links: readonly HTMLAnchorElement[]): void {
  const at = links.findIndex((link) => link === document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: links.length - 1 }[event.key];
  const link = to === undefined ? undefined : links[to];
  if (link === undefined) return;
  event.preventDefault();
  link.focus();
}
