// eslint-disable-next-line no-restricted-imports -- This is the real world: what reports to it is injected.
import { monitorEventLoopDelay } from "node:perf_hooks";
import { type Clock, type Logger, type Runtime, systemRuntime } from "@chat/protocol";

/** Rounds that follow each other before the network is looked at again. */
const ROUNDS = 8;

const settled = Promise.resolve();

/** Runs a callback once every promise that is settled now, and those that settle because of it, have told whom they had to tell. */
function afterPromises(callback: () => void): void {
  // A tick that is asked for by a microtask runs when no microtask is left. (Node's queueMicrotask makes a resource to be traced of each call.)
  void settled.then(() => process.nextTick(callback));
}

/**
 * The end of a turn of Node's event loop, in rounds: what a round's work brings about for "the next turn" runs in the round behind it,
 * and not after another look at the network. So what one turn has read off all sockets is appended, committed in one transaction
 * and sent out again together, instead of passing by in groups that overtake each other. See docs/decisions/0007.
 */
function endOfTurn(begin: Clock["nextTurn"]): Clock["nextTurn"] {
  let waiting: (() => void)[] = [];
  let isScheduled = false;
  const runRounds = (left: number): void => {
    const callbacks = waiting;
    waiting = [];
    for (const callback of callbacks) {
      // One that throws must not take the others with it.
      try {
        callback();
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
    afterPromises(() => {
      if (waiting.length === 0) isScheduled = false;
      else if (left > 1) runRounds(left - 1);
      else begin(() => runRounds(ROUNDS));
    });
  };
  return (callback) => {
    waiting.push(callback);
    if (isScheduled) return;
    isScheduled = true;
    begin(() => runRounds(ROUNDS));
  };
}

/** The real world, as a server in Node sees it. */
export function nodeRuntime(log?: Logger): Runtime {
  const runtime = systemRuntime(log);
  return { ...runtime, clock: { ...runtime.clock, nextTurn: endOfTurn(runtime.clock.nextTurn) } };
}

/** How long the event loop was busy on end. */
export interface EventLoopWatch {
  /** The longest that something had to wait for it since the last call, ms. */
  worst(): number;
  end(): void;
}

/** ms between two samples; delays below it are not seen. */
const RESOLUTION = 10;

/** Watches the event loop from outside of it: a timer of its own sees only the stall into which it falls. */
export function watchEventLoop(): EventLoopWatch {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION });
  histogram.enable();
  return {
    worst() {
      // It measures from sample to sample, ns.
      const worst = histogram.count === 0 ? 0 : histogram.max / 1e6 - RESOLUTION;
      histogram.reset();
      return Math.max(0, worst);
    },
    end: () => void histogram.disable(),
  };
}
