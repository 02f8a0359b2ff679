import { type Chat, type ChatConversation, isBlocked } from "../chat.js";
import { sentenceOf } from "../sentence-of.js";
import { byId, setText } from "../element.js";
import { keyedChildren } from "../keyed-children.js";
import { oncePerFrame } from "../once-per-frame.js";
import { type TimelineRow, timelineRows } from "../timeline-rows.js";
import { createRow, updateRow } from "./message-row.js";

/** So near to an end counts as there, in pixels. */
const NEAR_END = 60;
const NEAR_START = 300;
/** Messages that are fetched at once on the way to the first unread one. */
const PAGE_OF_JUMP = 200;

/** The messages of one conversation. */
export interface MessageListView {
  /** Goes to the newest message, and stays there. */
  scrollToEnd(): void;
  /** Whether the newest message is in sight. */
  isAtEnd(): boolean;
  close(): void;
}

export function openMessageList(
  chat: Chat,
  conversation: ChatConversation,
  onReadToEnd: () => void,
): MessageListView {
  const { timeline } = conversation;
  const scroller = byId("scroller", HTMLElement);
  const log = byId("message-log", HTMLElement);
  const list = byId("message-list", HTMLOListElement);
  const loadOlder = byId("load-older", HTMLButtonElement);
  const newMessages = byId("new-messages", HTMLButtonElement);
  const note = byId("timeline-note", HTMLElement);
  const jump = byId("jump-unread", HTMLButtonElement);
  const stop = new AbortController();
  const { signal } = stop;
  const context = { chat, conversation };

  let rows: readonly TimelineRow[] = [];
  let sticksToEnd = true;
  let lastReadKey: string | undefined;
  let loading: Promise<void> | undefined;
  /** What was unread when the conversation was opened, or came while nobody looked. */
  let unreadFrom: number | undefined;
  let unreadCount = 0;
  let isUnreadSeen = true;
  let wasSynced = false;
  /** After a failure only the button tries again, or the connection when it is back. */
  let mayLoadByScrolling = true;

  list.replaceChildren();
  const showRows = keyedChildren<TimelineRow>(list, {
    key: ({ key }) => key,
    create: (row) => createRow(row, context),
    update: (node, row) => updateRow(node, row, context),
  });

  function draw(): void {
    if (signal.aborted) return;
    noteUnread();
    const before = rows;
    rows = timelineRows(timeline.messages, chat.userId, isFolded, holdsUnread() ? unreadFrom : undefined);
    // What is not news is not read out: the first page, and history.
    log.ariaBusy = String(before.length === 0 || before[0]?.key !== rows[0]?.key);
    const restore = sticksToEnd ? scrollToBottom : keepInPlace();
    showRows(rows);
    restore();
    drawAround();
  }

  /** In a group everybody is heard; what blocked people say there need not be seen. */
  function isFolded(senderId: string): boolean {
    return conversation.summary.type === "group" && isBlocked(chat, senderId);
  }

  /** Before it is marked as read, and is unread no more. */
  function noteUnread(): void {
    const isNoticed = wasSynced && document.visibilityState === "visible";
    wasSynced ||= chat.status.synced;
    const { summary } = conversation;
    if (isNoticed || summary.unreadCount === 0 || summary.firstUnreadId === undefined) return;
    unreadCount = summary.unreadCount;
    if (summary.firstUnreadId === unreadFrom) return;
    unreadFrom = summary.firstUnreadId;
    isUnreadSeen = false;
  }

  /** Whether what is shown reaches up to the first that was unread. */
  function holdsUnread(): boolean {
    const first = timeline.messages.find(({ messageId }) => messageId !== undefined)?.messageId ?? Infinity;
    return unreadFrom !== undefined && (first < unreadFrom || !timeline.hasOlder);
  }

  async function jumpToUnread(): Promise<void> {
    sticksToEnd = false;
    while (!holdsUnread() && timeline.hasOlder && !signal.aborted) {
      await load(PAGE_OF_JUMP);
      if (!mayLoadByScrolling) return;
    }
    if (signal.aborted) return;
    sticksToEnd = false;
    isUnreadSeen = true;
    draw();
    const line = list.querySelector<HTMLElement>(".unread-line");
    line?.scrollIntoView({ block: "start" });
    line?.focus({ preventScroll: true });
  }

  function drawJump(): void {
    const line = list.querySelector(".unread-line");
    if (line !== null && line.getBoundingClientRect().top >= scroller.getBoundingClientRect().top)
      isUnreadSeen = true;
    jump.hidden = isUnreadSeen;
    setText(
      byId("jump-unread-text", HTMLElement),
      unreadCount === 1 ? "1 unread message" : `${unreadCount} unread messages`,
    );
  }

  function drawAround(): void {
    loadOlder.hidden = !timeline.hasOlder;
    loadOlder.ariaDisabled = String(loading !== undefined);
    if (loading !== undefined) setText(loadOlder, "Loading older messages…");
    else if (mayLoadByScrolling) setText(loadOlder, "Show older messages");
    const isOffline = chat.status.connection !== "online";
    note.hidden = timeline.state === "complete";
    setText(
      note,
      timeline.state === "filling" && !isOffline
        ? "Catching up…"
        : "There may be more: it comes when you are online.",
    );

    drawJump();
    if (sticksToEnd) {
      lastReadKey = rows.at(-1)?.key;
      onReadToEnd();
    }
    const read = rows.findIndex(({ key }) => key === lastReadKey);
    const unread = rows.slice(read + 1).filter((row) => row.type === "message" && !row.isOwn).length;
    newMessages.hidden = sticksToEnd || unread === 0;
    setText(
      byId("new-messages-text", HTMLElement),
      unread === 1 ? "1 new message" : `${unread} new messages`,
    );
    if (mayLoadByScrolling && timeline.hasOlder && scroller.scrollTop < NEAR_START) void load();
  }

  function scrollToBottom(): void {
    scroller.scrollTop = scroller.scrollHeight;
  }

  /** Whatever comes above or below, the line that is read stays where it is. */
  function keepInPlace(): () => void {
    const top = scroller.getBoundingClientRect().top;
    const anchor = [...list.children].find(
      (line) => !line.classList.contains("day") && line.getBoundingClientRect().bottom > top,
    );
    const was = anchor?.getBoundingClientRect().top ?? 0;
    return () => {
      if (anchor?.isConnected) scroller.scrollTop += anchor.getBoundingClientRect().top - was;
    };
  }

  /** One after another; who asks while it is loading waits for the same. */
  function load(limit?: number): Promise<void> {
    return (loading ??= loadPage(limit));
  }

  async function loadPage(limit: number | undefined): Promise<void> {
    if (signal.aborted) return;
    mayLoadByScrolling = true;
    try {
      const loaded = timeline.loadOlder({ signal, ...(limit !== undefined && { limit }) });
      drawSoon();
      await loaded;
    } catch (error) {
      mayLoadByScrolling = false;
      if (!signal.aborted) setText(loadOlder, `Older messages did not come: ${sentenceOf(error)} Try again`);
    }
    loading = undefined;
    drawSoon();
  }

  const drawSoon = oncePerFrame(draw);
  const isAtEnd = (): boolean =>
    scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR_END;

  let height = 0;
  const resizing = new ResizeObserver(() => {
    // A keyboard on the screen, a longer draft, a turned phone: what was at the end stays there.
    const isOtherSize = scroller.clientHeight !== height;
    height = scroller.clientHeight;
    if (isOtherSize && sticksToEnd) scrollToBottom();
  });
  resizing.observe(scroller);

  const onScroll = (): void => {
    // A box that has just changed its size scrolls by itself; that is nobody's wish.
    if (scroller.clientHeight !== height) return;
    sticksToEnd = isAtEnd();
    drawAround();
  };
  scroller.addEventListener("scroll", onScroll, { signal, passive: true });
  loadOlder.addEventListener("click", () => void load(), { signal });
  jump.addEventListener("click", () => void jumpToUnread(), { signal });
  newMessages.addEventListener("click", () => view.scrollToEnd(), { signal });
  document.addEventListener("visibilitychange", drawSoon, { signal });

  const subscriptions = [
    timeline.subscribe(drawSoon),
    chat.users.subscribe(drawSoon),
    chat.subscribe(() => {
      if (chat.status.connection === "online") mayLoadByScrolling = true;
      drawSoon();
    }),
  ];
  draw();

  const view: MessageListView = {
    scrollToEnd() {
      sticksToEnd = true;
      scrollToBottom();
      drawSoon();
    },
    isAtEnd: () => sticksToEnd,
    close() {
      stop.abort();
      resizing.disconnect();
      for (const end of subscriptions) end();
      newMessages.hidden = true;
      jump.hidden = true;
    },
  };
  return view;
}
