import type { FrameType } from "../../packages/protocol/src/frame.js";
import { CLIENT_FRAMES, SERVER_FRAMES } from "../../packages/protocol/src/frames/index.js";
import { conversationRowShape } from "../../packages/protocol/src/conversation-row.js";
import { createReader } from "../../packages/protocol/src/create-reader.js";
import { createWriter } from "../../packages/protocol/src/create-writer.js";
import { entryShape } from "../../packages/protocol/src/entry.js";
import { LIMITS } from "../../packages/protocol/src/limits.js";
import type { Fanout } from "@chat/server";
import type { Chance } from "./chance.js";
import type { Trace } from "./trace.js";

/** What today's version knows nothing of. */
const FUTURE_REQUEST = 60;
const FUTURE_ANSWER = 95;
const FUTURE_PUSH = 120;
const FUTURE = "from_the_future";
/** Far from the requestIds that a client counts up to. */
const FUTURE_REQUEST_IDS = 1_000_000_000;
/** The version of what newer servers tell each other, now and then. */
const FUTURE_ENVELOPE = 2;

const TYPES = new Map<number, FrameType>(
  [...CLIENT_FRAMES, ...SERVER_FRAMES].map((type) => [type.code, type]),
);
/** Errors that a newer version may tell by codes of its own. */
const RETRYABLE: readonly unknown[] = ["store_unavailable", "overloaded"];
/** Structs that stand in frames, by the name of their field. */
const STRUCTS: Readonly<Record<string, number>> = {
  row: Object.keys(conversationRowShape).length,
  rows: Object.keys(conversationRowShape).length,
  entries: Object.keys(entryShape).length,
};

/** The same array with an element behind the last that today's version knows. */
function longer(array: readonly unknown[], length: number): unknown[] {
  return [...array, ...Array<null>(Math.max(0, length - array.length)).fill(null), [FUTURE, 1]];
}

/**
 * What a version that is still to come would say on the wire, as far as docs/protocol.md lets it: a higher minor, capabilities, fields at
 * the end of frames, rows and entries, frames and error codes that today's version does not know. It also understands what others of its kind say.
 */
export class NewerVersion {
  readonly #read = createReader(LIMITS.answerNodes);
  readonly #write = createWriter();
  #requests = FUTURE_REQUEST_IDS;

  constructor(
    private readonly chance: Chance,
    private readonly trace: Trace,
  ) {}

  /** What a newer server sends instead. */
  ofServer(bytes: Uint8Array): Uint8Array {
    const frames = this.#framesIn(bytes).map((frame) => this.#longer(frame));
    // A push may come at any time behind the welcome.
    const isWelcome = frames.some(([code]) => code === 64);
    if (!isWelcome && this.chance.happens(0.2)) frames.push([FUTURE_PUSH, FUTURE, { more: true }]);
    return this.#bytesOf(frames);
  }

  /** What a newer device sends instead. */
  ofDevice(bytes: Uint8Array): Uint8Array {
    const frames = this.#framesIn(bytes).map((frame) => this.#longer(frame));
    const isHello = frames.some(([code]) => code === 1);
    if (!isHello && this.chance.happens(0.1)) frames.push([FUTURE_REQUEST, ++this.#requests, FUTURE]);
    return this.#bytesOf(frames);
  }

  /** What a newer server makes of a message: what today's version is given, and the answers to what it does not know. */
  received(bytes: Uint8Array): { readonly known: Uint8Array; readonly answers: Uint8Array } {
    let frames: unknown[][];
    try {
      frames = this.#framesIn(bytes);
    } catch {
      // Torn by the network; that is for the server itself to see.
      return { known: bytes, answers: new Uint8Array() };
    }
    const isFuture = ([code]: readonly unknown[]): boolean => code === FUTURE_REQUEST;
    const answers = frames.filter(isFuture).map(([, requestId]) => [FUTURE_ANSWER, requestId, FUTURE]);
    if (answers.length === 0) return { known: bytes, answers: new Uint8Array() };
    this.trace.hit("a newer server answers a newer device");
    return {
      known: this.#bytesOf(frames.filter((frame) => !isFuture(frame))),
      answers: this.#bytesOf(answers),
    };
  }

  /**
   * What a newer server tells the others instead: with more than they know, or in a way of its own.
   * @param mayBeLost false once nothing is lost any more: what is told in a way of its own is lost to older servers
   */
  envelope(bytes: Uint8Array, mayBeLost: boolean): Uint8Array {
    if (this.chance.happens(0.2) && mayBeLost) return this.#bytesOf([[FUTURE_ENVELOPE, bytes]]);
    const [value] = this.#read(bytes);
    return Array.isArray(value) ? this.#bytesOf([[...(value as unknown[]), FUTURE]]) : bytes;
  }

  /** What it makes of what it is told. */
  told(bytes: Uint8Array): Uint8Array {
    const [value] = this.#read(bytes);
    const isFuture = Array.isArray(value) && value[0] === FUTURE_ENVELOPE && value[1] instanceof Uint8Array;
    return isFuture ? (value[1] as Uint8Array) : bytes;
  }

  #framesIn(bytes: Uint8Array): unknown[][] {
    return this.#read(bytes) as unknown[][];
  }

  #bytesOf(frames: readonly (readonly unknown[])[]): Uint8Array {
    const pieces = frames.map((frame) => this.#write(frame).slice());
    const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const piece of pieces) {
      bytes.set(piece, at);
      at += piece.length;
    }
    return bytes;
  }

  #longer(frame: readonly unknown[]): unknown[] {
    const type = TYPES.get(frame[0] as number);
    if (type === undefined) return [...frame];
    const names = Object.keys(type.shape);
    const changed = longer(frame, 1 + names.length);
    names.forEach((name, index) => {
      const at = index + 1;
      const value = changed[at];
      const length = STRUCTS[name];
      if (name === "minor") changed[at] = 1;
      else if (name === "capabilities") changed[at] = [FUTURE];
      else if (length !== undefined && Array.isArray(value)) {
        changed[at] =
          name === "row" ? longer(value, length) : value.map((one: unknown[]) => longer(one, length));
      }
    });
    if (type.name === "error" && RETRYABLE.includes(frame[2]) && this.chance.happens(0.5)) {
      this.trace.hit("an error of a newer server");
      changed[2] = FUTURE;
    }
    return changed;
  }
}

/** The fan-out of a newer server, which shares it with older ones. @param weather that of the fan-out */
export function newerFanout(
  inner: Fanout,
  version: NewerVersion,
  weather: { readonly loses: number },
): Fanout {
  return {
    ...inner,
    publish: (serverIds, envelope) => inner.publish(serverIds, version.envelope(envelope, weather.loses > 0)),
    subscribe: (serverId, handler) => inner.subscribe(serverId, (bytes) => handler(version.told(bytes))),
  };
}
