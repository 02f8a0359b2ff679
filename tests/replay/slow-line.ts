import type { Socket } from "node:net";

/** What may wait in a slow line before its sender is stopped, as a router's queue does. */
const QUEUED_BYTES = 262_144;

/** One direction of a connection: bytes come out in order, later or more slowly if told so. */
export class SlowLine {
  readonly #from: Socket;
  readonly #to: Socket;
  #latency = 0;
  #bytesPerSecond = Infinity;
  #held = false;
  #ending = false;
  #queue: { readonly chunk: Buffer; readonly at: number }[] = [];
  #queued = 0;
  #timer: NodeJS.Timeout | undefined;
  /** When the line is free for the next byte. */
  #freeAt = 0;

  constructor(from: Socket, to: Socket) {
    this.#from = from;
    this.#to = to;
  }

  /** Bytes that are under way. */
  get queued(): number {
    return this.#queued;
  }

  get isFull(): boolean {
    return this.#queued >= QUEUED_BYTES;
  }

  /** @param latency ms that each chunk takes @param bytesPerSecond what passes at the most */
  slow({ latency, bytesPerSecond }: { readonly latency: number; readonly bytesPerSecond: number }): void {
    this.#latency = latency;
    this.#bytesPerSecond = bytesPerSecond;
    if (latency === 0 && bytesPerSecond === Infinity) {
      this.#freeAt = 0;
      this.#queue = this.#queue.map(({ chunk }) => ({ chunk, at: 0 }));
      this.#flush();
    }
  }

  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    this.#flush();
  }

  push(chunk: Buffer): void {
    const isFree = this.#queue.length === 0 && !this.#held;
    if (isFree && this.#latency === 0 && this.#bytesPerSecond === Infinity) return this.#write(chunk);
    const now = performance.now();
    this.#freeAt = Math.max(this.#freeAt, now) + (chunk.length * 1_000) / this.#bytesPerSecond;
    this.#queue.push({ chunk, at: this.#freeAt + this.#latency });
    this.#queued += chunk.length;
    if (this.isFull) this.#from.pause();
    this.#flush();
  }

  /** The sender has closed: the other end hears of it after all that was sent before. */
  end(): void {
    this.#ending = true;
    this.#flush();
  }

  #flush(): void {
    clearTimeout(this.#timer);
    if (this.#held) return;
    const now = performance.now();
    while (this.#queue.length > 0 && this.#queue[0]!.at <= now) {
      const { chunk } = this.#queue.shift()!;
      this.#queued -= chunk.length;
      this.#write(chunk);
    }
    const [next] = this.#queue;
    if (next !== undefined) this.#timer = setTimeout(() => this.#flush(), next.at - now);
    else if (this.#ending) this.#to.destroySoon();
    else if (!this.#to.writableNeedDrain) this.#from.resume();
  }

  #write(chunk: Buffer): void {
    if (!this.#to.destroyed && !this.#to.write(chunk)) this.#from.pause();
  }
}
