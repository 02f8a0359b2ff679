import { decode, encode } from "@msgpack/msgpack";

/** An envelope and the servers that it is for, on its way through one of them. */
interface Relayed {
  readonly serverIds: readonly string[];
  readonly envelope: Uint8Array;
}

const VERSION = 1;

/** Where a server takes envelopes for its whole region. */
export function relayIdOf(serverId: string): string {
  return `${serverId}#relay`;
}

export function packRelayed(serverIds: readonly string[], envelope: Uint8Array): Uint8Array {
  return encode([VERSION, serverIds, envelope]);
}

/** Undefined if it is damaged, or of a version that this server does not know. */
export function unpackRelayed(bytes: Uint8Array): Relayed | undefined {
  let value: unknown;
  try {
    value = decode(bytes);
  } catch {
    return undefined;
  }
  if (!Array.isArray(value) || value[0] !== VERSION) return undefined;
  const [, serverIds, envelope] = value as [number, unknown, unknown];
  if (!Array.isArray(serverIds) || !serverIds.every((id) => typeof id === "string")) return undefined;
  return envelope instanceof Uint8Array ? { serverIds, envelope } : undefined;
}
