import { drawAvatar } from "../avatar.js";
import { type Chat, type ChatConversation, type ChatMessage, nameOf, saidAt, TOMBSTONE } from "../chat.js";
import { sentenceOf } from "../sentence-of.js";
import { element, icon, setText } from "../element.js";
import { dayLabel, fullTime, timeOfDay } from "../format-time.js";
import { type Mentionable, mentionPieces } from "../mention-pieces.js";
import type { TimelineRow } from "../timeline-rows.js";

const STATES = {
  pending: { icon: "clock", label: "Waiting to be sent" },
  stored: { icon: "tick", label: "Sent" },
  delivered: { icon: "ticks", label: "Delivered" },
  read: { icon: "ticks", label: "Read" },
  failed: { icon: "warning", label: "Not sent" },
} as const;

/** What a line of the list may want to know or do. */
export interface RowContext {
  readonly chat: Chat;
  readonly conversation: ChatConversation;
}

/** A line of the list, still without what `updateRow` fills in. */
export function createRow(row: TimelineRow, context: RowContext): HTMLElement {
  switch (row.type) {
    case "day":
      return element("li", { class: "day", testId: "day" }, element("span"));
    case "unread":
      return element(
        "li",
        { class: "unread-line", testId: "unread-line", attributes: { tabindex: "-1" } },
        element("span", { text: "New" }),
      );
    case "event":
      return element("li", { class: "event", testId: "event", isolated: true });
    case "folded":
      return element("li", { class: "event", testId: "folded" });
    case "message":
      return row.isOwn ? createOwnMessage(row.message, context) : createMessage(row.message);
  }
}

/** Brings a line up to date: names and states change, and what was said may be deleted. */
export function updateRow(node: HTMLElement, row: TimelineRow, context: RowContext): void {
  switch (row.type) {
    case "day":
      setText(part(node, "span"), dayLabel(row.time));
      break;
    case "unread":
      break;
    case "event":
      setText(node, eventText(context, row.message));
      break;
    case "folded":
      setText(
        node,
        row.count === 1
          ? "A message of somebody whom you have blocked"
          : `${row.count} messages of people whom you have blocked`,
      );
      break;
    case "message":
      updateMessage(node, row, context.chat);
      break;
  }
}

function createMessage(message: ChatMessage): HTMLElement {
  return element(
    "li",
    { class: "message", testId: "message" },
    element("span", { class: "avatar", attributes: { "aria-hidden": "true" } }),
    element(
      "div",
      { class: "bubble" },
      element("p", { class: "sender", testId: "sender", isolated: true }),
      ...body(message),
    ),
  );
}

function createOwnMessage(message: ChatMessage, { conversation }: RowContext): HTMLElement {
  const { key } = message;
  const retry = element("button", { text: "Try again", testId: "retry", attributes: { type: "button" } });
  const discard = element("button", { text: "Discard", testId: "discard", attributes: { type: "button" } });
  const remove = createDelete(() => conversation.redact(Number(remove.closest("li")?.dataset["messageId"])));
  const reason = element("span", { class: "reason" });
  const explain = (error: unknown): void => setText(reason, sentenceOf(error));
  retry.addEventListener("click", () => void sendAgain(conversation, key).catch(explain));
  discard.addEventListener("click", () => void conversation.discard(key).catch(explain));
  return element(
    "li",
    { class: "message own", testId: "message" },
    element(
      "div",
      { class: "bubble" },
      element("p", { class: "sender", text: "You" }),
      ...body(message),
      remove,
    ),
    element("p", { class: "failure" }, reason, retry, discard),
  );
}

/** Once more, and without mentions if it was refused because of them. */
async function sendAgain(conversation: ChatConversation, key: string): Promise<void> {
  const failed = conversation.timeline.messages.find((message) => message.key === key);
  if (failed?.error?.code !== "mention_unknown") return void (await conversation.retry(key));
  await conversation.send(failed.text ?? "");
  await conversation.discard(key);
}

/** Deletes for everybody; asks to be pressed once more before it does. */
function createDelete(act: () => Promise<void>): HTMLButtonElement {
  const button = element("button", {
    class: "icon-button delete",
    testId: "delete",
    attributes: { type: "button" },
  });
  let isSure = false;
  function show(sure: boolean, sentence = sure ? "Press again to delete it for everybody" : "Delete"): void {
    isSure = sure;
    button.classList.toggle("sure", sure);
    button.title = button.ariaLabel = sentence;
    button.replaceChildren(icon("bin"), ...(sure ? ["Delete?"] : []));
  }
  button.addEventListener("click", () => {
    if (!isSure) return show(true);
    button.ariaDisabled = "true";
    act().catch((error: unknown) => {
      button.ariaDisabled = null;
      show(false, sentenceOf(error));
    });
  });
  button.addEventListener("blur", () => show(false));
  show(false);
  return button;
}

function body({ text = "" }: ChatMessage): HTMLElement[] {
  return [
    element("p", { class: "text", text, testId: "message-text", isolated: true }),
    element("span", { class: "meta" }, element("time")),
  ];
}

function updateMessage(node: HTMLElement, row: Extract<TimelineRow, { type: "message" }>, chat: Chat): void {
  const { message, isOwn, startsRun } = row;
  node.classList.toggle("starts-run", startsRun);
  updateTime(part(node, "time") as HTMLTimeElement, part(node, ".text"), saidAt(message));
  if (message.messageId !== undefined) node.dataset["messageId"] = String(message.messageId);
  if (message.redacted) {
    node.dataset["redacted"] = "true";
    setText(part(node, ".text"), TOMBSTONE);
    delete node.dataset["mentionsMe"];
  } else if (message.mentions !== undefined) {
    const people = message.mentions.map((userId) => ({ userId, name: nameOf(chat, userId) }));
    drawMentions(part(node, ".text"), message.text ?? "", people, chat.userId);
    if (!isOwn && message.mentions.includes(chat.userId)) node.dataset["mentionsMe"] = "true";
  }
  if (isOwn) {
    updateState(node, message);
  } else {
    const name = nameOf(chat, message.senderId);
    const sender = part(node, ".sender");
    if (sender.textContent === name) return;
    sender.textContent = name;
    drawAvatar(part(node, ".avatar"), message.senderId, name);
  }
}

/** Marks the names of those who are mentioned. Names come later, and change. */
function drawMentions(node: HTMLElement, text: string, people: readonly Mentionable[], me: string): void {
  const names = people.map(({ name }) => name).join("\n");
  if (node.dataset["names"] === names) return;
  node.dataset["names"] = names;
  node.replaceChildren(
    ...mentionPieces(text, people).map((piece) =>
      piece.userId === undefined
        ? piece.text
        : element("span", {
            class: piece.userId === me ? "mention mention-me" : "mention",
            text: piece.text,
            testId: "mention",
            isolated: true,
          }),
    ),
  );
}

/** The server's clock may differ from this device's, which is what a message shows until it is stored. */
function updateTime(node: HTMLTimeElement, text: HTMLElement, time: number): void {
  const exact = new Date(time).toISOString();
  if (node.dateTime === exact) return;
  node.dateTime = exact;
  node.title = fullTime(time);
  setText(node, timeOfDay(time));
  // What the style keeps room for behind the last line: some write PM behind it, and others do not.
  text.dataset["time"] = timeOfDay(time);
}

function updateState(node: HTMLElement, { state, status, error }: ChatMessage): void {
  const shown = status === undefined || status === "sent" ? state : status;
  if (node.dataset["state"] === state && node.dataset["status"] === shown) return;
  node.dataset["state"] = state;
  node.dataset["status"] = shown;
  const mark = element("span", {
    class: `state ${shown}`,
    testId: "message-state",
    attributes: { role: "img", "aria-label": STATES[shown].label, title: STATES[shown].label },
  });
  mark.dataset["state"] = state;
  mark.append(icon(STATES[shown].icon));
  const isMention = error?.code === "mention_unknown";
  setText(part(node, "[data-testid=retry]"), isMention ? "Send without mentions" : "Try again");
  node.querySelector(".state")?.remove();
  part(node, ".meta").append(mark);
  setText(
    part(node, ".reason"),
    state === "failed" ? (error ? sentenceOf(error) : "The server refused this message.") : "",
  );
}

function eventText({ chat, conversation }: RowContext, { kind, senderId, data }: ChatMessage): string {
  const named: unknown = (data as Readonly<Record<string, unknown>> | undefined)?.["members"];
  const ids = Array.isArray(named) ? named.filter((id): id is string => typeof id === "string") : [];
  const name = (id: string): string => (id === chat.userId ? "you" : nameOf(chat, id));
  const sender = senderId === chat.userId ? "You" : nameOf(chat, senderId);
  const others = ids.filter((id) => id !== senderId).map(name);
  const names = others.length > 5 ? `${others.length} people` : new Intl.ListFormat("en").format(others);
  if (kind === "created") {
    if (conversation.summary.type === "direct") return `${sender} started this conversation`;
    return others.length === 0 ? `${sender} created the group` : `${sender} created the group with ${names}`;
  }
  if (kind === "members-added") return `${sender} added ${names}`;
  return others.length === 0 ? `${sender} left` : `${sender} removed ${names}`;
}

function part(node: HTMLElement, selector: string): HTMLElement {
  const found = node.querySelector<HTMLElement>(selector);
  if (found === null) throw new Error(`A line of the list has no ${selector}`);
  return found;
}
