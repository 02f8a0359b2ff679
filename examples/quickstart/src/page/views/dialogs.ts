import { type Chat, type ChatConversation, nameOf } from "../chat.js";
import { NEEDS_SERVER, sentenceOf } from "../sentence-of.js";
import { byId, setText } from "../element.js";
import { toUserId } from "../../user-id.js";

/** What the dialogs lead to. */
interface DialogActions {
  open(conversation: ChatConversation): void;
  logOut(): void;
}

/** New chat, new group, and the profile. */
export function prepareDialogs(chat: Chat, { open, logOut }: DialogActions): () => void {
  const stop = new AbortController();
  const { signal } = stop;
  const field = (id: string): HTMLInputElement => byId(id, HTMLInputElement);

  const direct = prepare("new-direct", "direct-dialog", async (signal) => {
    open(await chat.conversations.createDirect(userIdOf(field("direct-name").value), { signal }));
  });

  const group = prepare("new-group", "group-dialog", async (signal) => {
    const names = byId("group-members", HTMLTextAreaElement).value.split(/[,\n]/);
    const members = names.filter((name) => name.trim() !== "").map(userIdOf);
    const name = field("group-name").value.trim();
    open(await chat.conversations.createGroup({ name, members }, { signal }));
  });

  const profile = prepare(
    "open-profile",
    "profile-dialog",
    async (signal) =>
      void (await chat.users.setProfile({ name: field("profile-name").value.trim() }, { signal })),
    () => {
      setText(byId("profile-user-id", HTMLElement), chat.userId);
      field("profile-name").value = nameOf(chat, chat.userId);
    },
  );
  byId("log-out", HTMLButtonElement).addEventListener("click", logOut, { signal });

  /** Opens a dialog by its button; its form does something, and closes it once that is done. */
  function prepare(
    buttonId: string,
    dialogId: string,
    act: (signal: AbortSignal) => Promise<void>,
    fill: (form: HTMLFormElement) => void = (form) => form.reset(),
  ): HTMLDialogElement {
    const dialog = byId(dialogId, HTMLDialogElement);
    const form = dialog.querySelector("form");
    const error = dialog.querySelector(".error");
    const submit = form?.querySelector<HTMLButtonElement>("button.primary");
    if (!form || !error || !submit) throw new Error(`${dialogId} lacks a form`);
    let attempt = new AbortController();

    byId(buttonId, HTMLButtonElement).addEventListener(
      "click",
      () => {
        attempt = new AbortController();
        fill(form);
        setText(error, "");
        dialog.showModal();
      },
      { signal },
    );
    const run = async (): Promise<void> => {
      const { signal } = attempt;
      if (chat.status.connection !== "online") {
        setText(error, NEEDS_SERVER);
        return;
      }
      setText(error, "");
      submit.disabled = true;
      try {
        await act(signal);
        if (!signal.aborted) dialog.close();
      } catch (refusal) {
        if (!signal.aborted) setText(error, sentenceOf(refusal));
      } finally {
        submit.disabled = false;
      }
    };
    form.addEventListener(
      "submit",
      (event) => {
        event.preventDefault();
        void run();
      },
      { signal },
    );
    form.querySelector("button[value=cancel]")?.addEventListener("click", () => dialog.close(), { signal });
    dialog.addEventListener("close", () => attempt.abort(), { signal });
    return dialog;
  }

  return () => {
    stop.abort();
    for (const dialog of [direct, group, profile]) dialog.close();
  };
}

function userIdOf(name: string): string {
  const userId = toUserId(name);
  if (userId === undefined) throw new Error(`“${name.trim()}” cannot be a name.`);
  return userId;
}
