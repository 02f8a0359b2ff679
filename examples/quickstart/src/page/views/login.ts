import { sentenceOf } from "../sentence-of.js";
import { byId, setText } from "../element.js";
import type { SavedLogin } from "../saved-login.js";

/** Asks for a name. @returns the login that the server gave for it */
export function askForLogin(): Promise<SavedLogin> {
  const screen = byId("login-screen", HTMLElement);
  const form = byId("login-form", HTMLFormElement);
  const field = byId("login-name", HTMLInputElement);
  const submit = byId("login-submit", HTMLButtonElement);
  const error = byId("login-error", HTMLElement);

  screen.hidden = false;
  setText(error, "");
  field.value = "";
  field.focus();

  return new Promise((resolve) => {
    const attempt = async (): Promise<void> => {
      setText(error, "");
      submit.disabled = true;
      setText(submit, "One moment…");
      try {
        const login = await logIn(field.value);
        form.removeEventListener("submit", onSubmit);
        screen.hidden = true;
        resolve(login);
      } catch (refusal) {
        setText(error, sentenceOf(refusal));
      } finally {
        submit.disabled = false;
        setText(submit, "Start chatting");
      }
    };
    const onSubmit = (event: SubmitEvent): void => {
      event.preventDefault();
      void attempt();
    };
    form.addEventListener("submit", onSubmit);
  });
}

async function logIn(name: string): Promise<SavedLogin> {
  let response: Response;
  try {
    response = await fetch("/login", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ name }),
    });
  } catch (cause) {
    throw new Error("The server cannot be reached. To log in for the first time you need a connection.", {
      cause,
    });
  }
  const answer = (await response.json().catch(() => ({}))) as {
    userId?: unknown;
    token?: unknown;
    error?: unknown;
  };
  const { userId, token, error } = answer;
  if (typeof userId !== "string" || typeof token !== "string") {
    throw new Error(typeof error === "string" ? error : "The server failed; try again.");
  }
  return { userId, token, name: name.trim() };
}
