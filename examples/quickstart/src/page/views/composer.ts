import { tabStorage } from "../browser-storage.js";
import type { Chat, ChatConversation } from "../chat.js";
import { sentenceOf } from "../sentence-of.js";
import { byId, setText } from "../element.js";
import { openMentionPicker } from "./mention-picker.js";

/** Where messages are written. What is not sent yet is kept for each conversation, over a reload. */
export function openComposer(chat: Chat, conversation: ChatConversation, onSent: () => void): () => void {
  const form = byId("composer-form", HTMLFormElement);
  const field = byId("composer", HTMLTextAreaElement);
  const error = byId("composer-error", HTMLElement);
  const stop = new AbortController();
  const { signal } = stop;
  const draft = `draft ${conversation.id}`;
  const picker = openMentionPicker(chat, conversation, field);

  function fit(): void {
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight}px`;
  }

  function setField(text: string): void {
    field.value = text;
    tabStorage.set(draft, text === "" ? undefined : text);
    fit();
  }

  async function send(): Promise<void> {
    const text = field.value.trim();
    if (text === "") return;
    setField("");
    setText(error, "");
    try {
      const mentions = picker.mentionsIn(text);
      await conversation.send(mentions.length === 0 ? text : { text, mentions });
      picker.clear();
      onSent();
    } catch (refusal) {
      // Too long, say. Nothing is lost, unless something else was written meanwhile.
      setText(error, sentenceOf(refusal));
      if (field.value === "" && !signal.aborted) setField(text);
    }
  }

  form.addEventListener(
    "submit",
    (event) => {
      event.preventDefault();
      void send();
    },
    { signal },
  );
  field.addEventListener(
    "keydown",
    (event) => {
      if (picker.takesKey(event)) return event.preventDefault();
      // While an input method is composing, Enter chooses a word.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      void send();
    },
    { signal },
  );
  field.addEventListener(
    "input",
    () => {
      setField(field.value);
      conversation.setTyping(field.value !== "");
    },
    { signal },
  );

  setText(error, "");
  setField(tabStorage.get(draft) ?? "");
  return () => {
    stop.abort();
    picker.close();
  };
}
