import { type Entry, entryShape } from "./entry.js";
import { frameToArray } from "./frame.js";
import { entries as entriesType, type EntriesFrame } from "./frames/entries.js";
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
