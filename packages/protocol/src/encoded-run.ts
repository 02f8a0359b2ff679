import { type Entry, entryShape } from "./entry.js";
import { frameToArray } from "./frame.js";
import { entries as entriesType, type EntriesFrame } from "./frames/entries.js";
import { range as rangeType, type RangeFrame } from "./frames/range.js";
import { encodeFields } from "./schema.js";

/** A push of entries as bytes: encoded once for everybody, and cheaply put together anew for who is told more. */
export interface EncodedRun {
  /** The frame. To be shared, and not to be changed. */
  readonly bytes: Uint8Array;
  /**
   * The frame with some entries told differently, in no other fields than those that the entry behind it does not build on:
   * messageId, senderId, createdAt and ordinal stay.
   * @param entries by their index in the frame
   */
  with(entries: ReadonlyMap<number, Entry>): Uint8Array;
}

/** The place of the entries in the array of the frame. */
const ENTRIES = 1 + Object.keys(entriesType.shape).indexOf("entries");

const RANGE_ENTRIES = 1 + Object.keys(rangeType.shape).indexOf("entries");

function arrayHead(length: number): Uint8Array {
  return length < 16 ? Uint8Array.of(0x90 | length) : Uint8Array.of(0xdc, length >> 8, length & 0xff);
}

function concatenate(pieces: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const piece of pieces) length += piece.length;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

export function encodeRun(frame: EntriesFrame, encode: (value: unknown) => Uint8Array): EncodedRun {
  const array = frameToArray(entriesType, frame);
  const listed = array[ENTRIES] as unknown[];
  const head = [arrayHead(array.length), ...array.slice(0, ENTRIES).map(encode), arrayHead(listed.length)];
  const pieces = [...head, ...listed.map(encode), ...array.slice(ENTRIES + 1).map(encode)];
  return {
    bytes: concatenate(pieces),
    with(entries) {
      const changed = pieces.slice();
      for (const [index, entry] of entries) {
        changed[head.length + index] = encode(encodeFields(entryShape, entry, [], frame.entries[index - 1]));
      }
      return concatenate(changed);
    },
  };
}

/** Puts answers together out of the bytes of entries that many ask for. */
interface RangeEncoder {
  share(entries: readonly Entry[]): void;
  /** Undefined if the entries are shared by nobody. */
  encode(frame: RangeFrame): Uint8Array | undefined;
}

export function rangeEncoder(encode: (value: unknown) => Uint8Array): RangeEncoder {
  /** The bytes of an entry behind another one. */
  const pieces = new WeakMap<
    Entry,
    { readonly before: Entry | undefined; readonly bytes: Uint8Array } | "none"
  >();

  function pieceOf(entry: Entry, before: Entry | undefined): Uint8Array {
    const known = pieces.get(entry);
    if (known !== undefined && known !== "none" && known.before === before) return known.bytes;
    const bytes = encode(encodeFields(entryShape, entry, [], before));
    // That of the first of a range is another one for each beginning.
    if (known !== undefined && before !== undefined) pieces.set(entry, { before, bytes });
    return bytes;
  }

  return {
    share(entries) {
      for (const entry of entries) pieces.set(entry, "none");
    },
    encode(frame) {
      const { entries } = frame;
      const last = entries[entries.length - 1];
      if (last === undefined || !pieces.has(last)) return undefined;
      const array = frameToArray(rangeType, { ...frame, entries: [] });
      return concatenate([
        arrayHead(array.length),
        ...array.slice(0, RANGE_ENTRIES).map(encode),
        arrayHead(entries.length),
        ...entries.map((entry, at) => pieceOf(entry, entries[at - 1])),
        ...array.slice(RANGE_ENTRIES + 1).map(encode),
      ]);
    },
  };
}
