import { type Chat, type ChatConversation, sentenceOf } from "../chat.js";
import { byId, setText } from "../element.js";
import { keyedChildren } from "../keyed-children.js";
import { oncePerFrame } from "../once-per-frame.js";
import { type TimelineRow, timelineRows } from "../timeline-rows.js";
import { createRow, updateRow } from "./message-row.js";

/** So near to an end counts as there, in pixels. */
const NEAR_END = 60;
const NEAR_START = 300;

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
  const stop = new AbortController();
  const { signal } = stop;
  const context = { chat, conversation };

  let rows: readonly TimelineRow[] = [];
  let sticksToEnd = true;
  let lastReadKey: string | undefined;
  let isLoading = false;
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
    const before = rows;
    rows = timelineRows(timeline.messages, chat.userId);
    // What is not news is not read out: the first page, and history.
    log.ariaBusy = String(before.length === 0 || before[0]?.key !== rows[0]?.key);
    const restore = sticksToEnd ? scrollToBottom : keepInPlace();
    showRows(rows);
    restore();
    drawAround();
  }

  function drawAround(): void {
    loadOlder.hidden = !timeline.hasOlder;
    loadOlder.ariaDisabled = String(isLoading);
    if (isLoading) setText(loadOlder, "Loading older messages…");
    else if (mayLoadByScrolling) setText(loadOlder, "Show older messages");
    const isOffline = chat.status.connection !== "online";
    note.hidden = timeline.state === "complete";
    setText(
      note,
      timeline.state === "filling" && !isOffline
        ? "Catching up…"
        : "There may be more: it comes when you are online.",
    );

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

  async function load(): Promise<void> {
    if (isLoading || signal.aborted) return;
    isLoading = true;
    mayLoadByScrolling = true;
    drawAround();
    try {
      await timeline.loadOlder({ signal });
    } catch (error) {
      mayLoadByScrolling = false;
      if (!signal.aborted) setText(loadOlder, `Older messages did not come: ${sentenceOf(error)} Try again`);
    }
    isLoading = false;
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
    },
  };
  return view;
}
