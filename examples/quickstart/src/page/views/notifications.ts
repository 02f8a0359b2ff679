import { canPush, renewPush, subscribeToPush, unsubscribeFromPush } from "@chat/client/push";
import type { Chat } from "../chat.js";
import { sentenceOf } from "../sentence-of.js";
import { byId, setText } from "../element.js";

/**
 * The switch for notifications while the page is closed. The browser asks the user when it is put on, and never before.
 * @returns takes the subscription back, for a log-out, and ends the switch
 */
export function prepareNotifications(chat: Chat): (isLeaving: boolean) => Promise<void> {
  const button = byId("notifications", HTMLButtonElement);
  const note = byId("notifications-note", HTMLElement);
  const stop = new AbortController();
  // Where there is no push there is nothing to be put on.
  button.hidden = !canPush();
  setText(note, "");

  function draw(isOn: boolean): void {
    button.ariaPressed = String(isOn);
    setText(button, isOn ? "Notifications are on" : "Notify me of messages");
  }

  async function toggle(): Promise<void> {
    button.disabled = true;
    setText(note, "");
    try {
      if (button.ariaPressed === "true") await unsubscribeFromPush(chat);
      else await subscribeToPush(chat);
      draw(button.ariaPressed !== "true");
    } catch (error) {
      setText(note, sentenceOf(error));
    } finally {
      button.disabled = false;
    }
  }

  draw(false);
  button.addEventListener("click", () => void toggle(), { signal: stop.signal });
  if (canPush()) {
    renewPush(chat).then(
      (state) => {
        if (!stop.signal.aborted) draw(state?.provider !== undefined);
      },
      () => {},
    );
  }

  return async (isLeaving) => {
    stop.abort();
    // Whoever logs in next must not see what is meant for this one. The server may be away; the browser then forgets alone.
    if (isLeaving && canPush() && button.ariaPressed === "true") {
      const late = new Promise((resolve) => setTimeout(resolve, 2_000));
      await Promise.race([unsubscribeFromPush(chat).catch(() => {}), late]);
    }
  };
}
