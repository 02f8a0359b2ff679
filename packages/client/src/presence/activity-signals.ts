import { tabChannel } from "./tab-channel.js";

/** Tells whether somebody is at the device. */
export interface ActivitySignals {
  /**
   * @param used something was done on the device; may be called with every event
   * @returns ends the subscription and removes every listener
   */
  subscribe(used: () => void): () => void;
}

/** ms between two times at which tabs tell each other that they are in use. */
const TELL_EVERY = 5_000;
const EVENTS = ["pointerdown", "pointermove", "keydown", "wheel", "touchstart", "focus"] as const;

/**
 * The input of the page, and of the user's other tabs: they are one device. None where there is no page.
 * @param user names the user, so that tabs of another one do not count
 */
export function pageActivity(user: string): ActivitySignals {
  return {
    subscribe(used) {
      const page = globalThis as Partial<Window & typeof globalThis>;
      if (page.document === undefined || page.addEventListener === undefined) return () => {};
      const channel = tabChannel("activity", user);
      let toldAt = -Infinity;
      const onInput = (event: Event): void => {
        used();
        if (event.timeStamp - toldAt < TELL_EVERY) return;
        toldAt = event.timeStamp;
        channel?.postMessage(null);
      };
      const onVisibility = (event: Event): void => {
        if (page.document?.visibilityState === "visible") onInput(event);
      };
      if (channel) channel.onmessage = used;
      const settings = { capture: true, passive: true };
      for (const name of EVENTS) page.addEventListener(name, onInput, settings);
      page.document.addEventListener("visibilitychange", onVisibility);
      return () => {
        for (const name of EVENTS) page.removeEventListener?.(name, onInput, settings);
        page.document?.removeEventListener("visibilitychange", onVisibility);
        channel?.close();
      };
    },
  };
}
