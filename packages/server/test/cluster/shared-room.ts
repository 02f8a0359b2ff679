import { expect } from "vitest";
import type { ChatStore } from "../../src/store/chat-store.js";
import type { RawDevice } from "../raw-device.js";

/** The one conversation of these tests. */
export const ROOM = "room";

/** The store, but for its news of other processes: what another server stored comes by fan-out, or with the feed's timer. */
export function withoutWatch(store: ChatStore): ChatStore {
  return {
    messages: store.messages,
    conversations: store.conversations,
    housekeeping: store.housekeeping,
    pushes: store.pushes,
    open: (options) => store.open(options),
    watch: () => () => {},
    close: () => store.close(),
  };
}

export async function createRoom(owner: RawDevice, members: string[]): Promise<void> {
  await owner.expect("conversation", {
    type: "create-conversation",
    conversationType: "group",
    conversationId: ROOM,
    clientMessageId: crypto.randomUUID(),
    members,
  });
}

/**
 * Resolves when a device's server knows that its user is a member, and will push what comes: it was pushed the first entry, or, where
 * the feed was faster than fan-out, told the row.
 */
export async function hasHeard(device: RawDevice): Promise<void> {
  await device.until(
    (frame) =>
      (frame.type === "entries" && frame.conversationId === ROOM) ||
      (frame.type === "conversation-changed" && frame.row.conversationId === ROOM),
  );
}

/**
 * Resolves when a device has everything up to an id: pushed once and in order from where its server learned that the
 * user is a member, and before that as a range, as every device asks for it.
 */
export async function hasAll(device: RawDevice, through: number): Promise<void> {
  await device.until((frame) => frame.type === "entries" && frame.through === through);
  const pushed = device.pushed(ROOM).map(({ messageId }) => messageId);
  const { entries } = await device.expect("range", {
    type: "get-range",
    conversationId: ROOM,
    after: 0,
    limit: Math.max(1, through - pushed.length),
  });
  const before = pushed[0] === 1 ? [] : entries.map(({ messageId }) => messageId);
  expect([...before, ...pushed]).toEqual(Array.from({ length: through }, (_, index) => index + 1));
}
