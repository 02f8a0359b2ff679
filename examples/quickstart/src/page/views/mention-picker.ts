import { drawAvatar } from "../avatar.js";
import { tabStorage } from "../browser-storage.js";
import { type Chat, type ChatConversation, nameOf } from "../chat.js";
import { byId, element, setText } from "../element.js";
import { type Mentionable, mentionPieces } from "../mention-pieces.js";

/** People in the list at once. */
const SHOWN = 6;
/** Members that are looked through; in larger groups those who wrote last are found besides. */
const MEMBERS = 500;
/** What stands behind an @ before the caret: so much of a name, which may have several words. */
const BEGUN = /(?:^|\s)@([^@\s][^@\n]{0,39}|)$/u;

/** Who is mentioned in what is being written. */
export interface MentionPicker {
  /** True if the key was meant for the list of people. */
  takesKey(event: KeyboardEvent): boolean;
  /** The users whose names were chosen and still stand in the text. */
  mentionsIn(text: string): string[];
  /** Forgets who was chosen. */
  clear(): void;
  close(): void;
}

/**
 * Offers the members of a conversation behind an @. The focus stays in the field, which says by `aria-activedescendant` who
 * is about to be chosen; the mouse and a finger choose, too.
 */
export function openMentionPicker(
  chat: Chat,
  conversation: ChatConversation,
  field: HTMLTextAreaElement,
): MentionPicker {
  const list = byId("mention-list", HTMLUListElement);
  const status = byId("mention-status", HTMLElement);
  const stop = new AbortController();
  const { signal } = stop;
  const kept = `mentions ${conversation.id}`;

  let members: readonly string[] = [];
  let knownCount = -1;
  let offered: readonly Mentionable[] = [];
  let active = 0;
  const chosen = new Map<string, string>(read(tabStorage.get(kept)));

  /** Those who wrote last come first: they are whom one answers. */
  function people(): Mentionable[] {
    const writers = conversation.timeline.messages.map(({ senderId }) => senderId).reverse();
    const { peerId } = conversation.summary;
    const ids = new Set([...writers, ...members, ...(peerId === undefined ? [] : [peerId])]);
    ids.delete(chat.userId);
    if (members.length > 0 && members.length < MEMBERS) {
      for (const userId of writers) if (!members.includes(userId)) ids.delete(userId);
    }
    return [...ids].map((userId) => ({ userId, name: nameOf(chat, userId) }));
  }

  function offer(): void {
    const begun = BEGUN.exec(field.value.slice(0, field.selectionStart));
    const isOpen = begun !== null && field.selectionStart === field.selectionEnd;
    const wanted = begun?.[1]?.toLowerCase() ?? "";
    if (isOpen) void fetchMembers();
    const found = isOpen
      ? people()
          .filter((person) => matches(person, wanted))
          .slice(0, SHOWN)
      : [];
    if (found.map(({ userId }) => userId).join() !== offered.map(({ userId }) => userId).join()) active = 0;
    offered = found;
    draw();
  }

  function draw(): void {
    list.replaceChildren(
      ...offered.map(({ userId, name }, index) => {
        const avatar = element("span", { class: "avatar", attributes: { "aria-hidden": "true" } });
        drawAvatar(avatar, userId, name);
        const isActive = index === active;
        const item = element(
          "li",
          {
            testId: "mention-option",
            attributes: { role: "option", id: `mention-${index}`, "aria-selected": String(isActive) },
          },
          avatar,
          element("span", { class: "name", text: name, isolated: true }),
        );
        // Before the field would lose the focus.
        item.addEventListener("pointerdown", (event) => {
          event.preventDefault();
          choose(index);
        });
        return item;
      }),
    );
    list.hidden = offered.length === 0;
    if (offered.length === 0) field.removeAttribute("aria-activedescendant");
    else field.setAttribute("aria-activedescendant", `mention-${active}`);
    const count = offered.length === 1 ? "1 person" : `${offered.length} people`;
    setText(status, offered.length === 0 ? "" : `${count} to mention: arrow keys and Enter choose.`);
  }

  function choose(index: number): void {
    const person = offered[index];
    const caret = field.selectionStart;
    const begun = BEGUN.exec(field.value.slice(0, caret));
    if (person === undefined || begun === null) return;
    const from = caret - begun[1]!.length;
    field.setRangeText(`${person.name} `, from, caret, "end");
    chosen.set(person.userId, person.name);
    tabStorage.set(kept, JSON.stringify([...chosen]));
    offered = [];
    draw();
    // The draft is kept, and the field grows, as if it had been typed.
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.focus();
  }

  async function fetchMembers(): Promise<void> {
    const { memberCount, type } = conversation.summary;
    if (type === "direct" || memberCount === knownCount || chat.status.connection !== "online") return;
    knownCount = memberCount;
    try {
      const { items } = await conversation.members({ limit: MEMBERS, signal });
      members = items.map(({ userId }) => userId);
    } catch {
      // Those who wrote last are offered; the next @ asks again.
      knownCount = -1;
      return;
    }
    if (!signal.aborted) offer();
  }

  function takesKey(event: KeyboardEvent): boolean {
    if (offered.length === 0 || event.isComposing || event.shiftKey || event.ctrlKey || event.altKey)
      return false;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const step = event.key === "ArrowDown" ? 1 : -1;
      active = (active + step + offered.length) % offered.length;
    } else if (event.key === "Enter" || event.key === "Tab") {
      choose(active);
      return true;
    } else if (event.key === "Escape") {
      offered = [];
    } else return false;
    draw();
    return true;
  }

  field.addEventListener("input", offer, { signal });
  field.addEventListener("click", offer, { signal });
  field.addEventListener(
    "blur",
    () => {
      offered = [];
      draw();
    },
    { signal },
  );
  // Names come a moment later than ids.
  const unsubscribe = chat.users.subscribe(() => offered.length > 0 && offer());
  draw();

  return {
    takesKey,
    mentionsIn(text) {
      const people = [...chosen].map(([userId, name]) => ({ userId, name }));
      return [...new Set(mentionPieces(text, people).flatMap(({ userId }) => userId ?? []))];
    },
    clear() {
      chosen.clear();
      tabStorage.set(kept, undefined);
    },
    close() {
      stop.abort();
      unsubscribe();
      offered = [];
      draw();
    },
  };
}

/** The beginning of the name, of one of its words, or of the id. */
function matches({ userId, name }: Mentionable, wanted: string): boolean {
  const lower = name.toLowerCase();
  return lower.startsWith(wanted) || lower.includes(` ${wanted}`) || userId.startsWith(wanted);
}

/** What this tab has kept; somebody may have changed it. */
function read(json: string | undefined): [string, string][] {
  try {
    const value: unknown = JSON.parse(json ?? "[]");
    return Array.isArray(value) ? value.filter(isPair) : [];
  } catch {
    return [];
  }
}

function isPair(value: unknown): value is [string, string] {
  return Array.isArray(value) && value.length === 2 && value.every((part) => typeof part === "string");
}
