import { ChatError, type Clock } from "@chat/protocol";
import { type Rate, TokenBucket } from "../admission/token-bucket.js";
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
  readonly #frames: TokenBucket;
  readonly #bytes: TokenBucket;

  constructor(clock: Clock, { frames, bytes }: FloodRates) {
    this.#frames = new TokenBucket(clock, frames);
    this.#bytes = new TokenBucket(clock, bytes);
  }

  /** Bytes off the network, before they are decoded. @throws ChatError `rate_limited` */
  takeBytes(bytes: number): void {
    refuseAfter(this.#bytes.take(bytes), "bytes");
  }

  /** The frames in them; a message without frames, and a ping of WebSocket itself, count as one. @throws ChatError `rate_limited` */
  takeFrames(frames: number): void {
    refuseAfter(this.#frames.take(Math.max(1, frames)), "frames");
  }
}

function refuseAfter(wait: number, what: string): void {
  if (wait === 0) return;
  throw new ChatError("rate_limited", `This connection sent too many ${what} in too short a time.`, {
    retryAfter: Math.ceil(wait),
  });
}
