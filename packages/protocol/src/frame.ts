import { type Shape, type Struct, decodeFields, encodeFields } from "./schema.js";

/**
 * Frame codes say who may send what: 1–63 are requests from the device, 64–95 answers of the server,
 * 96–127 pushes of the server. All requests and answers begin with a requestId.
 */
export const FRAME_CODES = { requests: [1, 63], answers: [64, 95], pushes: [96, 127] } as const;

/** One kind of frame: its code, its name and its fields in wire order. */
export interface FrameType<N extends string = string, S extends Shape = Shape> {
  readonly code: number;
  readonly name: N;
  readonly shape: S;
}

/** The TypeScript value of a frame: its fields, and its name as `type`. */
export type FrameOf<F> = F extends FrameType<infer N, infer S> ? { readonly type: N } & Struct<S> : never;

/** Declares a frame. On the wire it is the array `[code, ...fields]`. No field may take the place of the frame's `type`. */
export function defineFrame<const N extends string, const S extends Shape>(
  code: number,
  name: N,
  shape: S & { readonly type?: never },
): FrameType<N, S> {
  return { code, name, shape };
}

/** The array of a frame, ready for msgpack. */
export function frameToArray(type: FrameType, value: Readonly<Record<string, unknown>>): unknown[] {
  return encodeFields(type.shape, value, [type.code]);
}

/** The frame of an array. */
export function frameFromArray<F extends FrameType>(type: F, array: readonly unknown[]): FrameOf<F> {
  const value: unknown = { type: type.name, ...decodeFields(type.shape, array, 1, type.name) };
  return value as FrameOf<F>;
}
