import { SYSTEM_USER, uuidFromBytes } from "@chat/protocol";
import { createHash } from "node:crypto";
import type { IdempotencyKey } from "../store/message-store.js";
import type { Caller } from "./operation-context.js";

/** The device that imported entries come from. No device of a user says hello with it: version 8 is not handed out by chance. */
const IMPORT_DEVICE = "00000000-0000-8000-8000-000000000001";

/** The application itself, importing. */
export const IMPORTER: Caller = { userId: SYSTEM_USER, deviceId: IMPORT_DEVICE, isSystem: true };

/** A UUID (version 8, RFC 9562 §5.8) that is the same for the same name. */
function uuidOf(name: string): string {
  const bytes = new Uint8Array(createHash("sha256").update(name).digest().subarray(0, 16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return uuidFromBytes(bytes);
}

/** The key under which a step of an import is stored: a second run finds the step done. */
export function stepKey(step: string): string {
  return uuidOf(`chat import step ${step}`);
}

/** The key under which an imported message is stored: a second run finds it stored. */
export function importKey(
  conversationId: string,
  { externalId, senderId }: { readonly externalId: string; readonly senderId: string },
): IdempotencyKey {
  const clientMessageId = uuidOf(`chat import message ${externalId}`);
  return { conversationId, senderId, deviceId: IMPORT_DEVICE, clientMessageId };
}
