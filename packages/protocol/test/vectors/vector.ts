import { readFileSync } from "node:fs";
import { type ClientFrame, type ServerFrame } from "../../src/frames/index.js";

/** Who sends the bytes; the other side decodes them. */
export type From = "client" | "server";

/** One frame and its bytes. */
export interface FrameVector {
  readonly name: string;
  readonly frame: ClientFrame | ServerFrame;
  readonly hex: string;
}

/** A frame as it comes out of decoding. */
export type ExpectedFrame =
  | ClientFrame
  | ServerFrame
  | { readonly type: "unknown"; readonly code: number; readonly requestId: number }
  | { readonly type: "invalid"; readonly code: number; readonly requestId: number; readonly error: string };

/** One WebSocket message and the frames that come out of it. */
export interface MessageVector {
  readonly name: string;
  readonly from: From;
  readonly frames: readonly ExpectedFrame[];
  readonly hex: string;
}

/** A hostile WebSocket message: `hex`, followed by `repeat.hex` as often as `repeat.times` says. */
export interface HostileVector {
  readonly name: string;
  readonly from: From;
  readonly hex: string;
  readonly repeat?: { readonly hex: string; readonly times: number };
  /** The code of the error with which the whole message is refused. */
  readonly error: string;
}

/** Reads the committed vectors. */
export function readVectors<T>(file: string): readonly T[] {
  return JSON.parse(readFileSync(new URL(`${file}.json`, import.meta.url), "utf8")) as readonly T[];
}

/** The bytes of a hostile vector. */
export function bytesOf({ hex, repeat }: Pick<HostileVector, "hex" | "repeat">): Uint8Array {
  return Uint8Array.from(
    Buffer.from(hex + (repeat === undefined ? "" : repeat.hex.repeat(repeat.times)), "hex"),
  );
}
