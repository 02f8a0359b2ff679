import { ChatError } from "@chat/protocol";
import type { Chance } from "./chance.js";
import type { Party, Scheduler } from "./scheduler.js";
import type { Trace } from "./trace.js";

/** How badly a backend does at the moment; probabilities, and ms. */
export interface Weather {
  /** Fails before anything was done. */
  unavailable: number;
  /** Fails although it was done. */
  unknown: number;
  usual: number;
  longest: number;
}

/** A server's way to a backend. */
export interface LineOptions {
  /** What is at its other end, for the trace. */
  readonly backend: "store" | "registry" | "log";
  readonly party: Party;
  readonly scheduler: Scheduler;
  readonly chance: Chance;
  readonly trace: Trace;
  readonly weather: Weather;
  /** Called between any two things that a call does; the server may die there. */
  readonly step: () => void;
}

/** Carries a call out, or fails as `failed` does. */
export type Call = <T>(name: string, carryOut: () => Promise<T>, failed?: () => T) => Promise<T>;

/** What a backend that can't be had is reported as. */
export function unavailable(): ChatError {
  return new ChatError("store_unavailable", "The simulated backend fails.");
}

/** Each call takes time there and back, may fail before it was carried out or after, and never comes back to a server that died. */
export function unreliableLine({
  backend,
  party,
  scheduler,
  chance,
  trace,
  weather,
  step,
}: LineOptions): Call {
  const travel = (): number => chance.delay(weather.usual, weather.longest);
  return <T>(name: string, carryOut: () => Promise<T>, failed?: () => T): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      const answer = (give: () => void): void => void scheduler.after(travel(), party, give);
      const fail = (): void =>
        answer(() => (failed === undefined ? reject(unavailable()) : resolve(failed())));
      step();
      scheduler.after(travel(), party, () => {
        step();
        if (!party.alive) return;
        if (chance.happens(weather.unavailable)) {
          trace.hit(`fault ${backend} unavailable`);
          trace.note(party.name, `${name} fails before it was done`);
          return fail();
        }
        const isUnknown = chance.happens(weather.unknown);
        carryOut().then(
          (value) => {
            step();
            if (!isUnknown) return answer(() => resolve(value));
            trace.hit(`fault ${backend} outcome unknown`);
            trace.note(party.name, `${name} fails after it was done`);
            fail();
          },
          (error: Error) => answer(() => reject(error)),
        );
      });
    });
}
