import { joinFrames, LIMITS } from "@chat/protocol";
import type { Tally } from "../admission/tally.js";
import type { OutboundTurn } from "./outbound-turn.js";
import type { Socket } from "./socket.js";

/** The part of the budget beyond which nothing is queued that gives way to the rest. */
const CROWDED = 0.25;

/** What all send queues share. */
export interface SendQueueEnvironment {
  /** Bytes that may wait for one device, here and in its socket. */
  readonly budget: number;
  /** Counts what is sent. */
  readonly tally: Pick<Tally, "framesSent">;
  /** Flushes what was pushed. */
  readonly turn: Pick<OutboundTurn, "add">;
}

/**
 * What waits for one device. The frames of one turn of the event loop leave as one WebSocket message and one write.
 */
export class SendQueue {
  /** Most turns bring one frame, and most queues are empty: no list is kept for them. */
  #first: Uint8Array | undefined;
  #others: Uint8Array[] | undefined;
  #bytes = 0;
  #held = true;
  #holdsAnswer = false;

  /**
   * @param owner told when a frame would exceed the budget; the frame is dropped, and the socket is to be closed
   */
  constructor(
    private readonly socket: Socket,
    private readonly environment: SendQueueEnvironment,
    private readonly owner: { overflowed(): void },
  ) {}

  /** True if so much waits that only what must not be missed is queued. */
  get isCrowded(): boolean {
    return this.#bytes + this.socket.bufferedBytes > this.environment.budget * CROWDED;
  }

  /** @param isAnswer somebody waits for it: this queue is flushed before those that hold none */
  push(frame: Uint8Array, isAnswer = false): void {
    if (this.#bytes + frame.length + this.socket.bufferedBytes > this.environment.budget) {
      this.owner.overflowed();
      return;
    }
    if (!this.#held && (this.#first === undefined || (isAnswer && !this.#holdsAnswer))) {
      this.environment.turn.add(this, isAnswer);
      this.#holdsAnswer = isAnswer;
    }
    if (this.#first === undefined) this.#first = frame;
    else (this.#others ??= []).push(frame);
    this.#bytes += frame.length;
  }

  /** Sends from now on; `first` goes before everything that waited. */
  release(first: Uint8Array): void {
    this.#held = false;
    if (this.#first !== undefined) (this.#others ??= []).unshift(this.#first);
    this.#first = first;
    this.#bytes += first.length;
    this.flush();
  }

  /** Sends what waits, now. */
  flush(): void {
    if (this.#held) return;
    const [first, others] = [this.#first, this.#others];
    if (first === undefined) return;
    this.#first = this.#others = undefined;
    this.#bytes = 0;
    this.environment.tally.framesSent++;
    if (others === undefined) {
      // The very bytes that others get too: a socket can tell, and frames them once.
      this.socket.send(first);
      return;
    }
    this.environment.tally.framesSent += others.length;
    let message = [first];
    let bytes = first.length;
    for (const frame of others) {
      const isFull =
        bytes + frame.length > LIMITS.wireMessageBytes || message.length === LIMITS.framesPerWireMessage;
      if (isFull) {
        this.socket.send(joinFrames(message));
        message = [];
        bytes = 0;
      }
      message.push(frame);
      bytes += frame.length;
    }
    this.socket.send(joinFrames(message));
  }

  /** Drops what waits. */
  clear(): void {
    this.#first = this.#others = undefined;
    this.#bytes = 0;
    this.#held = true;
  }
}
