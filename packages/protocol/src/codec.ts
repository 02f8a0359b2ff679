import { ChatError } from "./chat-error.js";
import { createReader, type TextReader } from "./create-reader.js";
import { createWriter } from "./create-writer.js";
import { type EncodedRun, encodeRun, rangeEncoder } from "./encoded-run.js";
import type { Entry } from "./entry.js";
import { FRAME_CODES, type FrameType, frameFromArray, frameToArray } from "./frame.js";
import { CLIENT_FRAMES, type ClientFrame, SERVER_FRAMES, type ServerFrame } from "./frames/index.js";
import type { EntriesFrame } from "./frames/entries.js";
import { lenientText } from "./lenient-text.js";
import { LIMITS } from "./limits.js";
import { SchemaViolation } from "./schema.js";

/** A frame whose code this version does not know; a newer peer's. */
export interface UnknownFrame {
  readonly type: "unknown";
  readonly code: number;
  /** The requestId of an unknown request or answer; 0 when there is none, as in every push. */
  readonly requestId: number;
}

/** A frame that is well-formed msgpack but breaks its schema. Others in the same WebSocket message are not touched by it. */
export interface InvalidFrame {
  readonly type: "invalid";
  readonly code: number;
  /** Its requestId, or 0 when there is none to answer to. */
  readonly requestId: number;
  readonly error: ChatError;
}

/** Turns frames of one direction into the bytes of WebSocket messages, and back. */
export interface Codec<Out extends { type: string }, In> {
  /** One frame as bytes of its own. Frames are self-delimiting: concatenated, they are one WebSocket message. */
  encode(frame: Out): Uint8Array;
  /**
   * The frames of one WebSocket message.
   * @throws ChatError `malformed_frame` or `frame_too_large` if the bytes are no msgpack within the limits
   */
  decode(bytes: Uint8Array): (In | UnknownFrame | InvalidFrame)[];
}

function isUint(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function createCodec<Out extends { type: string }, In>(
  outgoing: readonly FrameType[],
  incoming: readonly FrameType[],
  maxNodes: number,
  readText?: TextReader,
): Codec<Out, In> {
  const typesByName = new Map(outgoing.map((type) => [type.name, type]));
  const typesByCode = new Map(incoming.map((type) => [type.code, type]));
  const read = createReader(maxNodes, readText);
  const write = createWriter();

  function frameOf(value: unknown): In | UnknownFrame | InvalidFrame {
    const code: unknown = Array.isArray(value) ? value[0] : undefined;
    if (!Array.isArray(value) || !isUint(code)) {
      throw new ChatError("malformed_frame", "A frame is an array that begins with its code.");
    }
    const second: unknown = value[1];
    const requestId = code < FRAME_CODES.pushes[0] && isUint(second) ? second : 0;
    const type = typesByCode.get(code);
    if (type === undefined) return { type: "unknown", code, requestId };
    try {
      return frameFromArray(type, value) as In;
    } catch (cause) {
      if (!(cause instanceof SchemaViolation)) throw cause;
      return {
        type: "invalid",
        code,
        requestId,
        error: new ChatError("malformed_frame", `${cause.message}.`),
      };
    }
  }

  return {
    encode(frame) {
      const type = typesByName.get(frame.type);
      if (type === undefined) throw new TypeError(`no frame of this direction is named ${frame.type}`);
      return write(frameToArray(type, frame));
    },
    decode(bytes) {
      if (bytes.length > LIMITS.wireMessageBytes) {
        throw new ChatError(
          "frame_too_large",
          `A WebSocket message may have ${LIMITS.wireMessageBytes} bytes.`,
        );
      }
      return read(bytes).map(frameOf);
    },
  };
}

/** The codec of a device: encodes requests, decodes answers and pushes. Not to be shared between threads. */
export function createClientCodec(): Codec<ClientFrame, ServerFrame> {
  return createCodec(CLIENT_FRAMES, SERVER_FRAMES, LIMITS.answerNodes);
}

/** The codec of a server. */
export interface ServerCodec extends Codec<ServerFrame, ClientFrame> {
  /** A push of entries that goes to many, some of whom are told more than others. */
  encodeRun(frame: EntriesFrame): EncodedRun;
  /** Ranges with these very entries will be encoded for many: the bytes of each are kept for as long as it is. */
  share(entries: readonly Entry[]): void;
}

/** The codec of a server: decodes requests, encodes answers and pushes. */
export function createServerCodec(): ServerCodec {
  const codec = createCodec<ServerFrame, ClientFrame>(
    SERVER_FRAMES,
    CLIENT_FRAMES,
    LIMITS.requestNodes,
    lenientText(),
  );
  const write = createWriter();
  const ranges = rangeEncoder(write);
  return {
    ...codec,
    encode: (frame) => (frame.type === "range" && ranges.encode(frame)) || codec.encode(frame),
    encodeRun: (frame) => encodeRun(frame, write),
    share: ranges.share,
  };
}
