import type { RawDevice } from "../raw-device.js";

/** A group of the device's user and these members. */
export async function createRoom(
  owner: RawDevice,
  members: string[] = [],
  conversationId = "room",
): Promise<void> {
  await owner.expect("conversation", {
    type: "create-conversation",
    conversationType: "group",
    conversationId,
    clientMessageId: crypto.randomUUID(),
    members,
  });
}
