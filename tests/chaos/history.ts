import { createHash } from "node:crypto";
import { closeSync, createReadStream, openSync, writeSync } from "node:fs";
import { createInterface } from "node:readline";

/** One entry of a log, as the store holds it. `add` and `remove` are whom a membership entry admits and sends away. */
export interface LogLine {
  readonly id: number;
  readonly sender: string;
  readonly text?: string;
  readonly add?: readonly string[];
  readonly remove?: readonly string[];
}

/**
 * What happened, as whoever it happened to wrote it down. Times are wall-clock ms of the one machine, and only figures
 * are made of them; what is judged is the order of the lines of one file.
 */
export type HistoryEvent =
  /** A device hands a message to its client: outcome unknown until `ok` or `fail`. Numbers rise along the sends of one device. */
  | {
      readonly type: "invoke";
      readonly device: string;
      readonly conversation: string;
      readonly text: string;
      readonly number: number;
    }
  /** The application was told that it is stored. */
  | { readonly type: "ok"; readonly text: string; readonly id: number; readonly at: number }
  /** The application was told that it is refused. */
  | { readonly type: "fail"; readonly text: string; readonly code: string }
  /** A client was started on what a device holds; what it is told begins anew. */
  | { readonly type: "run"; readonly device: string; readonly user: string }
  /** A client told its application of an entry. */
  | {
      readonly type: "told";
      readonly device: string;
      readonly conversation: string;
      readonly id: number;
      readonly text?: string;
    }
  /** A client told its application that the store has lost what was above. */
  | {
      readonly type: "diverged";
      readonly device: string;
      readonly conversation: string;
      readonly above: number;
    }
  /** A client became or ceased to be online with everything synced. */
  | { readonly type: "synced"; readonly device: string; readonly is: boolean; readonly at: number }
  /** What a client says of itself has changed. Nothing is judged by it. */
  | { readonly type: "status"; readonly device: string; readonly status: string; readonly at: number }
  /** After the end of a partition: the device had everything. */
  | { readonly type: "caught-up"; readonly device: string; readonly ms: number }
  /** All that a device shows of a conversation, paged back to its beginning. Lines of pending messages are left out. */
  | {
      readonly type: "screen";
      readonly device: string;
      readonly conversation: string;
      readonly lines: readonly (readonly [id: number, text: string | null])[];
    }
  /** The device has shown all that it has. */
  | { readonly type: "shown"; readonly device: string }
  /** A server was killed, or listens again. */
  | { readonly type: "server"; readonly is: "killed" | "up" | "stopped" | "continued"; readonly at: number }
  /** Something else was done to the world. */
  | { readonly type: "fault"; readonly name: string; readonly at: number }
  /** A server warned of something. */
  | {
      readonly type: "warned";
      readonly server: string;
      readonly event: string;
      readonly fields: string;
      readonly at: number;
    }
  /** The store has lost what lay above these heads. */
  | { readonly type: "rewound"; readonly heads: Readonly<Record<string, number>>; readonly lost: number }
  /** How long something took that has a bound, ms. */
  | { readonly type: "took"; readonly what: "repair of a lost tail" | "convergence"; readonly ms: number }
  /** The log of a conversation, in order, read from the store itself when all was over. */
  | { readonly type: "log"; readonly conversation: string; readonly lines: readonly LogLine[] };

const BUFFERED_CHARACTERS = 262_144;
/** Longer texts are written down by their beginning and their hash, or a burst to a hundred devices fills the disk. */
const TEXT_CHARACTERS = 200;

/** The same for equal texts only. */
function brief(_: string, value: unknown): unknown {
  if (typeof value !== "string" || value.length <= TEXT_CHARACTERS) return value;
  return `${value.slice(0, TEXT_CHARACTERS / 2)} ${createHash("sha256").update(value).digest("base64")}`;
}

/** Writes a history down, one line of JSON an event. */
export class HistoryWriter {
  readonly #file: number;
  #buffer: string[] = [];
  #length = 0;

  constructor(path: string) {
    this.#file = openSync(path, "w");
  }

  add(event: HistoryEvent): void {
    const line = `${JSON.stringify(event, brief)}\n`;
    this.#buffer.push(line);
    this.#length += line.length;
    if (this.#length >= BUFFERED_CHARACTERS) this.#flush();
  }

  close(): void {
    this.#flush();
    closeSync(this.#file);
  }

  #flush(): void {
    if (this.#length > 0) writeSync(this.#file, this.#buffer.join(""));
    this.#buffer = [];
    this.#length = 0;
  }
}

/** Reads a history, line by line. @throws SyntaxError where it was not written to its end */
export async function* readHistory(path: string): AsyncGenerator<HistoryEvent> {
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
    yield JSON.parse(line) as HistoryEvent;
  }
}
