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
    const { fullAt, wait } = takeTokens(this.#bytesFullAt, this.clock.monotonic(), this.rates.bytes, bytes);
    this.#bytesFullAt = fullAt;
    refuseAfter(wait, "bytes");
  }

  /** The frames in them; a message without frames, and a ping of WebSocket itself, count as one. @throws ChatError `rate_limited` */
  takeFrames(frames: number): void {
    const tokens = Math.max(1, frames);
    const { fullAt, wait } = takeTokens(
      this.#framesFullAt,
      this.clock.monotonic(),
      this.rates.frames,
      tokens,
    );
    this.#framesFullAt = fullAt;
    refuseAfter(wait, "frames");
  }
}

function refuseAfter(wait: number, what: string): void {
  if (wait === 0) return;
  throw new ChatError("rate_limited", `This connection sent too many ${what} in too short a time.`, {
    retryAfter: Math.ceil(wait),
  });
}
