import { joinFrames, LIMITS } from "@chat/protocol";
import type { Tally } from "../admission/tally.js";
import type { OutboundTurn } from "./outbound-turn.js";
import type { Socket } from "./socket.js";

/** The part of the budget beyond which nothing is queued that gives way to the rest. */
const CROWDED = 0.25;

/**
 * What waits for one device. The frames of one turn of the event loop leave as one WebSocket message and one write.
 */
export class SendQueue {
  #frames: Uint8Array[] = [];
  #bytes = 0;
  #held = true;
  #holdsAnswer = false;

  /**
   * @param budget bytes that may wait, here and in the socket
   * @param tally counts what is sent
   * @param turn flushes what was pushed
   * @param overflow called when a frame would exceed it; the frame is dropped, and the socket is to be closed
   */
  constructor(
    private readonly socket: Socket,
    private readonly budget: number,
    private readonly tally: Pick<Tally, "framesSent">,
    private readonly turn: Pick<OutboundTurn, "add">,
    private readonly overflow: () => void,
  ) {}

  /** True if so much waits that only what must not be missed is queued. */
  get isCrowded(): boolean {
    return this.#bytes + this.socket.bufferedBytes > this.budget * CROWDED;
  }

  /** @param isAnswer somebody waits for it: this queue is flushed before those that hold none */
  push(frame: Uint8Array, isAnswer = false): void {
    if (this.#bytes + frame.length + this.socket.bufferedBytes > this.budget) {
      this.overflow();
      return;
    }
    if (!this.#held && (this.#frames.length === 0 || (isAnswer && !this.#holdsAnswer))) {
      this.turn.add(this, isAnswer);
      this.#holdsAnswer = isAnswer;
    }
    this.#frames.push(frame);
    this.#bytes += frame.length;
  }

  /** Sends from now on; `first` goes before everything that waited. */
  release(first: Uint8Array): void {
    this.#held = false;
    this.#frames.unshift(first);
    this.#bytes += first.length;
    this.flush();
  }

  /** Sends what waits, now. */
  flush(): void {
    if (this.#held) return;
    const frames = this.#frames;
    if (frames.length === 0) return;
    this.#frames = [];
    this.#bytes = 0;
    this.tally.framesSent += frames.length;
    if (frames.length === 1) {
      // The very bytes that others get too: a socket can tell, and frames them once.
      this.socket.send(frames[0]!);
      return;
    }
    let message: Uint8Array[] = [];
    let bytes = 0;
    for (const frame of frames) {
      const isFull =
        bytes + frame.length > LIMITS.wireMessageBytes || message.length === LIMITS.framesPerWireMessage;
      if (isFull && message.length > 0) {
        this.socket.send(joinFrames(message));
        message = [];
        bytes = 0;
      }
      message.push(frame);
      bytes += frame.length;
    }
    if (message.length > 0) this.socket.send(joinFrames(message));
  }

  /** Drops what waits. */
  clear(): void {
    this.#frames = [];
    this.#bytes = 0;
    this.#held = true;
  }
}
