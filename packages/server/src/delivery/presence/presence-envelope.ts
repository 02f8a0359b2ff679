import { decode, encode } from "@msgpack/msgpack";
import { PRESENCE_STATUSES } from "@chat/protocol";
import type { ServerIdentity } from "../../registry/registry.js";
import type { PresenceState } from "./presence-state.js";

/** A user, and what is so of them on one server. */
export type PresenceEntry = readonly [userId: string, state: PresenceState];

/** What servers tell each other of presence. Each is numbered by its sender, so that a loss is noticed. */
export type PresenceEnvelope = { readonly from: ServerIdentity } & (
  | { readonly kind: "changes"; readonly number: number; readonly entries: readonly PresenceEntry[] }
  /** A sign of life, and the number of the last changes. */
  | { readonly kind: "beat"; readonly number: number }
  /** The sender lacks something, and wants everything. */
  | { readonly kind: "ask"; readonly of: string }
  /** Everything as of a number, in `parts` parts. */
  | {
      readonly kind: "all";
      readonly number: number;
      readonly part: number;
      readonly parts: number;
      readonly entries: readonly PresenceEntry[];
    }
  /** A user wants to be seen, or not. */
  | { readonly kind: "invisible"; readonly userId: string; readonly invisible: boolean }
);

/** Entries of one envelope: with the longest ids they stay below what a fan-out carries. */
export const ENVELOPE_ENTRIES = 500;

/** Tells an envelope of presence from others. */
const MARK = "presence";

/** The bytes of an envelope by which one server tells another. */
export function encodePresence({ from, kind, ...rest }: PresenceEnvelope): Uint8Array {
  const body = "entries" in rest ? { ...rest, entries: rest.entries.map(toWire) } : rest;
  return encode([MARK, from.serverId, from.incarnation, kind, body]);
}

/** Reads such an envelope; undefined if it is another, or damaged. Servers trust what comes over their own fan-out. */
export function decodePresence(bytes: Uint8Array): PresenceEnvelope | undefined {
  try {
    const value: unknown = decode(bytes);
    if (!Array.isArray(value) || value[0] !== MARK) return undefined;
    const [, serverId, incarnation, kind, body] = value as [string, string, string, string, RawBody];
    const entries = body.entries && { entries: body.entries.map(fromWire) };
    return { from: { serverId, incarnation }, kind, ...body, ...entries } as PresenceEnvelope;
  } catch {
    return undefined;
  }
}

type RawEntry = readonly [string, number, number, boolean];
interface RawBody {
  readonly entries?: readonly RawEntry[];
}

function toWire([userId, { status, lastActiveAt, invisible }]: PresenceEntry): RawEntry {
  return [userId, PRESENCE_STATUSES.indexOf(status), lastActiveAt, invisible];
}

function fromWire([userId, status, lastActiveAt, invisible]: RawEntry): PresenceEntry {
  return [userId, { status: PRESENCE_STATUSES[status] ?? "offline", lastActiveAt, invisible }];
}
