import type { Chat } from "../chat.js";
import { NEEDS_SERVER, sentenceOf } from "../sentence-of.js";
import { byId, setText } from "../element.js";

/** What this user tells others, everywhere: the switches in the profile. */
export function preparePrivacy(chat: Chat): () => void {
  const group = byId("privacy", HTMLFieldSetElement);
  const note = byId("privacy-note", HTMLElement);
  const switches = group.querySelectorAll("input");
  const stop = new AbortController();
  const { signal } = stop;

  function draw(): void {
    // What is set is known from the first connection on.
    group.disabled = chat.status.connection !== "online";
    setText(note, group.disabled ? NEEDS_SERVER : "");
    for (const field of switches) field.checked = chat.privacy[field.name as "typing" | "readReceipts"];
  }

  async function set(name: string, isTold: boolean): Promise<void> {
    try {
      await chat.setPrivacy({ [name]: isTold }, { signal });
      draw();
    } catch (error) {
      if (signal.aborted) return;
      draw();
      setText(note, sentenceOf(error));
    }
  }

  for (const field of switches)
    field.addEventListener("change", () => void set(field.name, field.checked), { signal });
  const unsubscribe = chat.subscribe(draw);
  draw();
  return () => {
    stop.abort();
    unsubscribe();
  };
}
