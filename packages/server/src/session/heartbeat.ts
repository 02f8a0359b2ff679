import { LIMITS, type PongFrame, type Runtime } from "@chat/protocol";
import type { ChangeFollower } from "../delivery/change-follower.js";
import type { Deliverer } from "../delivery/deliverer.js";

/** One session's heartbeat: whether the device is there, and what its next pong tells it. */
export class Heartbeat {
  #leftOut: Set<string> | undefined;
  #heardAt: number;
  /** When the last pong was sent, or the session began. */
  #pongAt: number;
  /** Up to where the device was told which conversations moved, see {@link Deliverer.movedSince}. */
  #toldThrough = 0;
  #begun = 0;

  constructor(private readonly clock: Runtime["clock"]) {
    this.#heardAt = this.#pongAt = clock.monotonic();
  }

  /** Something came from the device. */
  heard(): void {
    this.#heardAt = this.clock.monotonic();
  }

  /** When something came from the device last, monotonic ms. */
  get heardAt(): number {
    return this.#heardAt;
  }

  /** Whole ms since something came from the device: the clock of a machine counts their parts, and times on the wire have none. */
  get silentFor(): number {
    return Math.round(this.clock.monotonic() - this.#heardAt);
  }

  /** From here on the device is told which conversations move. */
  begin(position: number): void {
    this.#toldThrough = this.#begun = position;
  }

  /** A frame about a conversation was left out; its row makes up for it. */
  leftOut(conversationId: string): void {
    this.#leftOut ??= new Set();
    this.#leftOut.add(conversationId);
  }

  /** Sends the rows of what was left out. */
  makeUp(userId: string, deliverer: Deliverer): void {
    for (const conversationId of this.#leftOut ?? []) deliverer.sendRow(userId, conversationId);
    this.#leftOut = undefined;
  }

  /** The answer to a ping: heads that moved since the last one, and how far the change feed vouches for them. */
  pong(
    requestId: number,
    userId: string,
    deliverer: Deliverer,
    follower: Pick<ChangeFollower, "position" | "readAt">,
  ): PongFrame {
    const { heads, position, more } = deliverer.movedSince(
      userId,
      this.#toldThrough,
      LIMITS.headsPerPong,
      this.#begun,
    );
    this.#toldThrough = position;
    // With anything left over or a row on its way, the position would vouch for more than the device was told.
    const isTold = !more && this.#leftOut === undefined && deliverer.isSettled(userId);
    // The device takes it to be past all that came before the last pong, and compares the rest after a reconnect.
    const cursor = isTold && follower.readAt > this.#pongAt ? follower.position : undefined;
    this.#pongAt = this.clock.monotonic();
    return { type: "pong", requestId, heads, ...(cursor !== undefined && { cursor }) };
  }
}
