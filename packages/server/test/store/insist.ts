import type { Runtime } from "@chat/protocol";
import { expect } from "vitest";
import type { ChatStore } from "../../src/store/chat-store.js";
import type { StoredEntry } from "../../src/store/stored-entry.js";
import { draft, runtime } from "./sqlite-drafts.js";

/** What was logged above debug, by event. */
export function heard(): { readonly runtime: Runtime; readonly events: string[] } {
  const events: string[] = [];
  return {
    events,
    runtime: { ...runtime, log: (level, event) => void (level !== "debug" && events.push(event)) },
  };
}

/** ms */
export const pause = (duration: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, duration));

/** Stores a draft, sending it again until it is acknowledged, as a device does. */
export async function insist(
  store: ChatStore,
  overrides: Parameters<typeof draft>[0] = {},
): Promise<StoredEntry> {
  const sent = draft(overrides);
  for (;;) {
    const [outcome] = await store.messages.append([sent]);
    if (outcome!.status !== "refused") return outcome!.entry;
    expect(outcome!.error).toMatchObject({ code: "store_unavailable", retryable: true });
    await pause(20);
  }
}
