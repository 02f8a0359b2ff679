import type { RawSocket } from "../load/raw-socket.js";
import type { Member } from "../subjects/subject.js";

/** A run of messages, as some member has read it; others that receive the same bytes need not read them again. */
interface Run {
  readonly bytes: Buffer;
  readonly room: number;
  readonly after: number;
  readonly through: number;
  next: Run | undefined;
}

/** Runs that members who received something else in between find back to. */
const RECENT_RUNS = 1_024;

/** What the members of one subject share: the runs that were read, each pointing to what came behind it. */
export class ReadRuns {
  readonly root: Run = { bytes: Buffer.alloc(0), room: -1, after: 0, through: 0, next: undefined };
  readonly #recent = new Map<string, Run>();

  find(room: number, through: number): Run | undefined {
    return this.#recent.get(`${room} ${through}`);
  }

  keep(run: Run): Run {
    this.#recent.set(`${run.room} ${run.through}`, run);
    if (this.#recent.size > RECENT_RUNS) this.#recent.delete(this.#recent.keys().next().value!);
    return run;
  }
}

/** A member on a socket. What differs between the subjects is how messages are written and read. */
export abstract class RawMember implements Member {
  received = 0;
  bytes = 0;
  inOrder = true;
  /** Told of each run that was received: the ids in (after, through]. */
  onRun: ((after: number, through: number) => void) | undefined;
  /** The last id that came, by room; 0 before the first. */
  readonly #lastIds = new Map<number, number>();
  readonly #waiting = new Map<number, () => void>();
  #nextRequest = 0;
  #run: Run;

  /** @param verifies reads every message in full, instead of its id only */
  protected constructor(
    protected readonly socket: RawSocket,
    private readonly runs: ReadRuns,
    protected readonly verifies: boolean,
  ) {
    this.#run = runs.root;
    socket.onClose = () => {
      throw new Error("The server closed a connection that was in use.");
    };
    socket.onMessage = (buffer, from, to) => {
      this.bytes += to - from;
      this.take(buffer, from, to);
    };
  }

  send(room: number, text: string): Promise<void> {
    const requestId = this.#nextRequest++;
    return new Promise((resolve) => {
      this.#waiting.set(requestId, resolve);
      this.socket.send(this.write(requestId, room, text));
    });
  }

  beat(): void {}

  protected isClosed = false;

  close(): void {
    this.isClosed = true;
    this.socket.close();
  }

  protected abstract write(requestId: number, room: number, text: string): string | Uint8Array;
  protected abstract take(buffer: Buffer, from: number, to: number): void;

  protected acknowledged(requestId: number): void {
    this.#waiting.get(requestId)?.();
    this.#waiting.delete(requestId);
  }

  /** Takes the run that begins here, if somebody has read the very same bytes before. @returns where it ends, or -1 */
  protected takeKnown(buffer: Buffer, from: number, to: number): number {
    const run = this.#run.next;
    if (this.verifies || run === undefined) return -1;
    const end = from + run.bytes.length;
    if (end > to || buffer.compare(run.bytes, 0, run.bytes.length, from, end) !== 0) return -1;
    this.#run = run;
    this.count(run.room, run.after, run.through);
    return end;
  }

  /** Takes a run that this member has read itself. `after` is undefined where the subject numbers over all rooms. */
  protected takeRead(bytes: Buffer, room: number, after: number | undefined, through: number): void {
    const known = this.runs.find(room, through);
    const from = after ?? this.#lastIds.get(room) ?? through - 1;
    if (known === undefined) {
      const run = { bytes: Buffer.from(bytes), room, after: after ?? through - 1, through, next: undefined };
      this.#run = this.#run.next ??= this.runs.keep(run);
    } else {
      this.#run.next ??= known;
      this.#run = known;
    }
    if (after === undefined && through <= from) this.inOrder = false;
    this.count(room, after === undefined ? through - 1 : from, through);
  }

  /** A room was heard of by its row, and what it holds so far is not told entry by entry. */
  protected begin(room: number, head: number): void {
    if (!this.#lastIds.has(room)) this.count(room, 0, head);
  }

  /** The last id that came in a room; 0 before the first. */
  lastId(room: number): number {
    return this.#lastIds.get(room) ?? 0;
  }

  protected count(room: number, after: number, through: number): void {
    const last = this.#lastIds.get(room) ?? 0;
    if (last !== 0 && (this.numbersByRoom ? after !== last : through <= last)) this.inOrder = false;
    this.#lastIds.set(room, through);
    this.received += through - after;
    this.onRun?.(after, through);
  }

  /** True where ids of a room are contiguous: then a lost message shows at once. */
  protected abstract readonly numbersByRoom: boolean;
}
