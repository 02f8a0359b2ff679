import { sentenceOf } from "../sentence-of.js";
import type { ClientStatus } from "@chat/client";
import { deviceStorage } from "../browser-storage.js";
import type { Chat } from "../chat.js";
import { byId, setText } from "../element.js";

/** A connection that comes soon needs no banner, in ms. */
const PATIENCE = 1_500;

const WORDS = {
  online: "Online",
  offline: "Offline",
  connecting: "Connecting…",
  stopped: "Stopped",
  closed: "Closed",
} as const;

/**
 * Whether the server is there, and what that means for what is written; and the switch for working offline
 * on purpose.
 */
export function showConnectionStatus(chat: Chat, logInAgain: () => void): () => void {
  const banner = byId("banner", HTMLElement);
  const action = byId("banner-action", HTMLButtonElement);
  const status = byId("connection-status", HTMLElement);
  const workOffline = byId("work-offline", HTMLButtonElement);
  const stop = new AbortController();
  const { signal } = stop;
  const offlineKey = `offline ${chat.userId}`;
  let patience: ReturnType<typeof setTimeout> | undefined;
  let isPatient = true;

  function draw(): void {
    const { connection, storage, pending, synced, error } = chat.status;
    // The browser may know first that the network is gone; but a server on this machine needs none.
    const isCut = connection === "online" && !navigator.onLine && pending > 0;
    beatPatience(connection === "connecting" || isCut);

    const { text, button } = noticeFor(isCut ? "connecting" : connection, error);
    const isShown = text !== "" && !((connection === "connecting" || isCut) && isPatient);
    banner.classList.toggle("shown", isShown);
    setText(byId("banner-text", HTMLElement), isShown ? text : "");
    setText(byId("banner-waiting", HTMLElement), isShown ? waitingText(pending) : "");
    setText(action, button);
    action.hidden = !isShown || button === "";

    status.dataset["connection"] = connection;
    status.dataset["pending"] = String(pending);
    status.dataset["synced"] = String(synced);
    setText(status, WORDS[connection]);
    workOffline.ariaPressed = String(connection === "offline");
    byId("memory-notice", HTMLElement).hidden = storage !== "memory";
  }

  /** Lets some time pass before a missing connection is talked about. */
  function beatPatience(isMissing: boolean): void {
    if (!isMissing) {
      clearTimeout(patience);
      patience = undefined;
      isPatient = true;
    } else {
      patience ??= setTimeout(() => {
        isPatient = false;
        draw();
      }, PATIENCE);
    }
  }

  function setOffline(isOffline: boolean): void {
    deviceStorage.set(offlineKey, isOffline ? "yes" : undefined);
    if (isOffline) chat.disconnect();
    else chat.connect();
  }

  workOffline.addEventListener("click", () => setOffline(chat.status.connection !== "offline"), { signal });
  action.addEventListener(
    "click",
    () => {
      if (chat.status.error?.code === "unauthenticated") logInAgain();
      else setOffline(false);
    },
    { signal },
  );
  for (const event of ["online", "offline"]) window.addEventListener(event, draw, { signal });
  const unsubscribe = chat.subscribe(draw);
  // Who chose to work offline finds it so after a reload.
  if (deviceStorage.get(offlineKey) !== undefined) chat.disconnect();
  draw();

  return () => {
    stop.abort();
    clearTimeout(patience);
    unsubscribe();
    banner.classList.remove("shown");
  };
}

function noticeFor(
  connection: ClientStatus["connection"],
  error: ClientStatus["error"],
): { text: string; button: string } {
  switch (connection) {
    case "online":
    case "closed":
      return { text: "", button: "" };
    case "connecting":
      return { text: "No connection. What you write is sent as soon as it is back.", button: "Try now" };
    case "offline":
      return {
        text: "You are working offline. What you write is kept here until you go online.",
        button: "Go online",
      };
    case "stopped":
      return error?.code === "unauthenticated"
        ? { text: "The server does not know this login any more.", button: "Log in again" }
        : { text: `The server refuses this page. ${error ? sentenceOf(error) : ""}`, button: "Try again" };
  }
}

function waitingText(pending: number): string {
  if (pending === 0) return "";
  return pending === 1 ? "1 message waits here." : `${pending} messages wait here.`;
}
