import { ChatError, type Clock } from "@chat/protocol";
import { type Rate, takeTokens } from "../admission/token-bucket.js";
import type { ServerSettings } from "../settings.js";

/** How much one connection may send; the same for all. */
export interface FloodRates {
  readonly frames: Rate;
  readonly bytes: Rate;
}

export function floodRates(settings: ServerSettings): FloodRates {
  return {
    frames: { burst: settings.frameBurst, perSecond: settings.frameRate },
    bytes: { burst: settings.byteBurst, perSecond: settings.byteRate },
  };
}

/** What one connection may send, whatever it is: beyond it nothing is answered any more, and the connection ends. */
export class FloodGuard {
  // Two buckets, without an object for each: every connection has them.
  #framesFullAt = 0;
  #bytesFullAt = 0;

  constructor(
    private readonly clock: Clock,
    private readonly rates: FloodRates,
  ) {}

  /** Bytes off the network, before they are decoded. @throws ChatError `rate_limited` */
  takeBytes(bytes: number): void {
    this.#bytesFullAt = this.#take("bytes", this.#bytesFullAt, bytes);
  }

  /** The frames in them; a message without frames, and a ping of WebSocket itself, count as one. @throws ChatError `rate_limited` */
  takeFrames(frames: number): void {
    this.#framesFullAt = this.#take("frames", this.#framesFullAt, Math.max(1, frames));
  }

  #take(what: keyof FloodRates, before: number, tokens: number): number {
    const { fullAt, wait } = takeTokens(before, this.clock.monotonic(), this.rates[what], tokens);
    if (wait === 0) return fullAt;
    throw new ChatError("rate_limited", `This connection sent too many ${what} in too short a time.`, {
      retryAfter: Math.ceil(wait),
    });
  }
}
