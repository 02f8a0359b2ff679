import { type Chat, type ChatConversation, isBlocked, nameOf, titleOf, toggleBlock } from "../chat.js";
import { NEEDS_SERVER, sentenceOf } from "../sentence-of.js";
import { byId, setText } from "../element.js";

/** What this user tells the others of one conversation, and in a direct one whether they want to hear of the other. */
export function prepareConversationSettings(chat: Chat, conversation: ChatConversation): () => void {
  const dialog = byId("conversation-settings", HTMLDialogElement);
  const choices = byId("privacy-here", HTMLFieldSetElement);
  const fields = choices.querySelectorAll("select");
  const block = byId("block", HTMLButtonElement);
  const button = byId("open-conversation-settings", HTMLButtonElement);
  const error = dialog.querySelector(".error")!;
  const stop = new AbortController();
  const { signal } = stop;

  function draw(): void {
    const { summary } = conversation;
    const { peerId } = summary;
    button.hidden = !summary.member;
    setText(byId("conversation-settings-heading", HTMLElement), titleOf(chat, summary));
    const isOffline = chat.status.connection !== "online";
    choices.disabled = block.disabled = isOffline;
    setText(error, isOffline ? NEEDS_SERVER : "");
    for (const field of fields) {
      const name = field.name as "typing" | "readReceipts";
      setText(field.options[0]!, `As everywhere: ${chat.privacy[name] ? "yes" : "no"}`);
      field.value = String(summary.privacy?.[name] ?? "default");
    }
    block.hidden = peerId === undefined;
    if (peerId !== undefined)
      setText(block, `${isBlocked(chat, peerId) ? "Unblock" : "Block"} ${nameOf(chat, peerId)}`);
  }

  async function attempt(change: () => Promise<void>): Promise<void> {
    try {
      await change();
      draw();
    } catch (refusal) {
      if (signal.aborted) return;
      draw();
      setText(error, sentenceOf(refusal));
    }
  }

  function set({ name, value }: HTMLSelectElement): Promise<void> {
    return attempt(() =>
      conversation.setPrivacy({ [name]: value === "default" ? value : value === "true" }, { signal }),
    );
  }

  for (const field of fields) field.addEventListener("change", () => void set(field), { signal });
  block.addEventListener(
    "click",
    () => {
      const { peerId } = conversation.summary;
      if (peerId !== undefined) void attempt(() => toggleBlock(chat, peerId, signal));
    },
    { signal },
  );
  button.addEventListener("click", () => dialog.showModal(), { signal });
  const subscriptions = [conversation.subscribe(draw), chat.subscribe(draw), chat.users.subscribe(draw)];
  draw();
  return () => {
    stop.abort();
    for (const end of subscriptions) end();
    dialog.close();
  };
}
