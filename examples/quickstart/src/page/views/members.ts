import { presenceOf } from "@chat/client/presence";
import { drawAvatar } from "../avatar.js";
import { type Chat, type ChatConversation, isBlocked, nameOf, toggleBlock } from "../chat.js";
import { sentenceOf } from "../sentence-of.js";
import { byId, element, icon, setText } from "../element.js";
import { keyedChildren } from "../keyed-children.js";
import { oncePerFrame } from "../once-per-frame.js";
import { drawPresence, presenceText } from "../presence.js";
import { toUserId } from "../../user-id.js";

const PAGE = 100;
const ROLES = { owner: "Owner", admin: "Admin", member: "" } as const;

interface MemberRow {
  readonly userId: string;
  readonly role: keyof typeof ROLES;
}

/** Who is in a group; owners and admins add and remove, and everybody may leave. */
export function openMembers(chat: Chat, conversation: ChatConversation, onClose: () => void): () => void {
  const panel = byId("members", HTMLElement);
  const list = byId("member-list", HTMLUListElement);
  const more = byId("more-members", HTMLButtonElement);
  const error = byId("members-error", HTMLElement);
  const form = byId("add-member-form", HTMLFormElement);
  const field = byId("add-member-name", HTMLInputElement);
  const leave = byId("leave", HTMLButtonElement);
  const stop = new AbortController();
  const { signal } = stop;
  const presence = presenceOf(chat);
  let unwatch = (): void => {};

  let members: readonly MemberRow[] = [];
  let next: string | undefined;
  let shown = PAGE;
  let knownCount = -1;

  list.replaceChildren();
  setText(error, "");
  const show = keyedChildren<MemberRow>(list, {
    key: ({ userId }) => userId,
    create: ({ userId }) => createMember(userId),
    update(node, { userId, role }) {
      const name = nameOf(chat, userId);
      const [avatar, label, words, roleLabel, block, remove] = [...node.children] as HTMLElement[];
      if (!avatar || !label || !words || !roleLabel || !block || !remove) return;
      drawAvatar(avatar, userId, name);
      const status = presence.get(userId);
      drawPresence(avatar, status);
      node.title = presenceText(status);
      setText(words, presenceText(status));
      setText(label, userId === chat.userId ? `${name} (you)` : name);
      setText(roleLabel, ROLES[role]);
      block.hidden = userId === chat.userId;
      block.ariaLabel = `Block ${name}`;
      block.ariaPressed = String(isBlocked(chat, userId));
      remove.hidden = !mayRemove(userId, role);
      remove.ariaLabel = `Remove ${name}`;
    },
  });

  function createMember(userId: string): HTMLElement {
    const remove = element(
      "button",
      { class: "icon-button", testId: "remove-member", attributes: { type: "button", title: "Remove" } },
      icon("close"),
    );
    remove.addEventListener(
      "click",
      () => void attempt(() => conversation.removeMembers([userId], { signal })),
    );
    const block = element(
      "button",
      { class: "icon-button block", testId: "block-member", attributes: { type: "button", title: "Block" } },
      icon("block"),
    );
    block.addEventListener("click", () => void attempt(() => toggleBlock(chat, userId, signal)));
    const item = element(
      "li",
      { testId: "member" },
      element("span", { class: "avatar", attributes: { "aria-hidden": "true" } }),
      element("span", { class: "name", isolated: true }),
      element("span", { class: "visually-hidden" }),
      element("span", { class: "role" }),
      block,
      remove,
    );
    item.dataset["userId"] = userId;
    return item;
  }

  function mayRemove(userId: string, role: MemberRow["role"]): boolean {
    const mine = conversation.summary.role;
    return userId !== chat.userId && (mine === "owner" || (mine === "admin" && role === "member"));
  }

  function draw(): void {
    if (signal.aborted) return;
    const { summary } = conversation;
    show(members);
    form.hidden = summary.role === "member" || !summary.member;
    leave.hidden = !summary.member;
    more.hidden = next === undefined;
    if (summary.memberCount !== knownCount && chat.status.connection === "online") {
      knownCount = summary.memberCount;
      void fetchMembers();
    }
    if (members.length === 0 && chat.status.connection !== "online")
      setText(error, "The members are shown when you are online.");
  }
  const drawSoon = oncePerFrame(draw);

  async function fetchMembers(): Promise<void> {
    await attempt(async () => {
      const found: MemberRow[] = [];
      let page: string | undefined;
      do {
        const part = await conversation.members({
          limit: PAGE,
          signal,
          ...(page !== undefined && { cursor: page }),
        });
        found.push(...part.items);
        page = part.nextCursor;
      } while (page !== undefined && found.length < shown);
      members = found;
      // First the new, so that nobody is asked for anew.
      const before = unwatch;
      unwatch = presence.watch(found.map(({ userId }) => userId));
      before();
      next = page;
    });
    drawSoon();
  }

  async function attempt(change: () => Promise<void>): Promise<void> {
    setText(error, "");
    try {
      await change();
    } catch (refusal) {
      if (!signal.aborted) setText(error, sentenceOf(refusal));
    }
  }

  form.addEventListener(
    "submit",
    (event) => {
      event.preventDefault();
      const userId = toUserId(field.value);
      if (userId === undefined) setText(error, "That cannot be a name.");
      else {
        void attempt(async () => {
          await conversation.addMembers([userId], { signal });
          field.value = "";
        });
      }
    },
    { signal },
  );
  leave.addEventListener(
    "click",
    () => {
      if (confirm("Leave this group?")) void attempt(() => conversation.leave({ signal }));
    },
    { signal },
  );
  more.addEventListener(
    "click",
    () => {
      shown += PAGE;
      void fetchMembers();
    },
    { signal },
  );
  byId("close-members", HTMLButtonElement).addEventListener("click", onClose, { signal });
  panel.addEventListener("keydown", (event) => event.key === "Escape" && onClose(), { signal });

  const subscriptions = [
    conversation.subscribe(drawSoon),
    chat.users.subscribe(drawSoon),
    chat.subscribe(drawSoon),
    presence.subscribe(drawSoon),
  ];
  panel.hidden = false;
  draw();
  byId("close-members", HTMLButtonElement).focus();

  return () => {
    stop.abort();
    for (const end of subscriptions) end();
    unwatch();
    panel.hidden = true;
  };
}
