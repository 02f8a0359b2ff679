import { type Cancel, type Clock, isErrorCode } from "@chat/protocol";
import type { Metrics } from "./metrics.js";

/** What has happened since it was last handed over: plain numbers, so that counting costs nothing. */
export class Tally {
  framesReceived = 0;
  framesSent = 0;
  acknowledged = 0;
  gapReads = 0;
  slowConsumers = 0;
  #refusals = new Map<string, number>();

  /** An application's own codes count as one, so that there are no more series than codes. */
  refused(code: string): void {
    const label = isErrorCode(code) ? code : "other";
    this.#refusals.set(label, (this.#refusals.get(label) ?? 0) + 1);
  }

  /** Hands everything over and begins again. */
  handTo(metrics: Metrics): void {
    const refusals = this.#refusals;
    this.#refusals = new Map();
    const { framesReceived, framesSent, acknowledged, gapReads, slowConsumers } = this;
    this.framesReceived = this.framesSent = this.acknowledged = this.gapReads = this.slowConsumers = 0;
    if (framesReceived > 0) metrics.counter("chat_frames_received_total", framesReceived);
    if (framesSent > 0) metrics.counter("chat_frames_sent_total", framesSent);
    if (acknowledged > 0) metrics.counter("chat_messages_acknowledged_total", acknowledged);
    if (gapReads > 0) metrics.counter("chat_gap_reads_total", gapReads);
    if (slowConsumers > 0) metrics.counter("chat_slow_consumers_total", slowConsumers);
    for (const [code, count] of refusals) metrics.counter("chat_refusals_total", count, { code });
  }
}

/**
 * Hands the tally over once in an interval, with the number of connections and the delay of the event loop.
 * @param worstDelay the longest that the event loop kept something waiting since it was last asked, ms; without it how late the timer was
 * @returns ends it, after a last time
 */
export function reportTally(
  tally: Tally,
  metrics: Metrics,
  clock: Clock,
  interval: number,
  connections: () => number,
  worstDelay?: () => number,
): Cancel {
  let cancel: Cancel = () => {};
  const hand = (): void => {
    tally.handTo(metrics);
    metrics.gauge("chat_connections", connections());
  };
  const tick = (): void => {
    const due = clock.monotonic() + interval;
    cancel = clock.schedule(interval, () => {
      const late = Math.max(0, clock.monotonic() - due);
      metrics.histogram("chat_event_loop_delay_milliseconds", Math.max(late, worstDelay?.() ?? 0));
      hand();
      tick();
    });
  };
  tick();
  return () => {
    cancel();
    hand();
  };
}
