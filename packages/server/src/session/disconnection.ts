import { decode, encode } from "@msgpack/msgpack";
import { ChatError, isId, isUuid } from "@chat/protocol";

/** Whose connections are to be closed; with both, those of this device of this user. */
export type Disconnection =
  | { readonly userId: string; readonly deviceId?: string }
  | { readonly userId?: string; readonly deviceId: string };

/** True if a connection of this user and device is meant. */
export function concerns(
  { userId, deviceId }: Disconnection,
  of: { readonly userId: string; readonly deviceId: string },
): boolean {
  return (userId ?? of.userId) === of.userId && (deviceId ?? of.deviceId) === of.deviceId;
}

/** @throws ChatError `invalid_argument` unless it names a user or a device */
export function assertDisconnection({ userId, deviceId }: Disconnection): void {
  const isNamed = userId !== undefined || deviceId !== undefined;
  if (isNamed && (userId === undefined || isId(userId)) && (deviceId === undefined || isUuid(deviceId)))
    return;
  throw new ChatError("invalid_argument", "Name a userId, or a deviceId (a UUID in lower case), or both.");
}

/** Tells an envelope that carries a disconnection from those of deliveries, which servers of one version know apart by it. */
const MARK = "disconnect";

/** The bytes of an envelope by which one server tells another. */
export function encodeDisconnection({ userId, deviceId }: Disconnection): Uint8Array {
  return encode([MARK, userId ?? null, deviceId ?? null]);
}

/** Reads such an envelope; undefined if it is another. */
export function decodeDisconnection(bytes: Uint8Array): Disconnection | undefined {
  try {
    const value = decode(bytes);
    if (!Array.isArray(value) || value[0] !== MARK) return undefined;
    const [, userId, deviceId] = value as [string, string | null, string | null];
    const whom = {
      ...(userId !== null && { userId }),
      ...(deviceId !== null && { deviceId }),
    } as Disconnection;
    assertDisconnection(whom);
    return whom;
  } catch {
    return undefined;
  }
}
