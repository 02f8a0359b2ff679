import type { Fanout } from "@chat/server";
import type { Chance } from "./chance.js";
import type { Party, Scheduler } from "./scheduler.js";
import type { Trace } from "./trace.js";

/** How badly fan-out does at the moment; probabilities. */
export interface FanoutWeather {
  loses: number;
  doubles: number;
  /** ms; whatever differs in its delay is reordered. */
  usual: number;
  longest: number;
}

/** Fan-out among simulated servers, that does no more than its contract says. */
export class WeakFanout {
  readonly #handlers = new Map<
    string,
    { readonly party: Party; readonly handler: (bytes: Uint8Array) => void }
  >();

  constructor(
    private readonly scheduler: Scheduler,
    private readonly trace: Trace,
    private readonly chance: Chance,
    readonly weather: FanoutWeather,
  ) {}

  /** As one server has it. */
  of(party: Party, step: () => void): Fanout {
    return {
      publish: (serverIds, envelope) => {
        step();
        if (!party.alive) return;
        for (const id of serverIds) {
          if (this.chance.happens(this.weather.loses)) {
            this.trace.hit("fault fan-out lost");
            this.trace.note(party.name, `fan-out loses ${envelope.length} bytes to ${id}`);
            continue;
          }
          const copies = this.chance.happens(this.weather.doubles) ? 2 : 1;
          if (copies > 1) this.trace.hit("fault fan-out doubled");
          for (let copy = 0; copy < copies; copy++) this.#carry(id, envelope.slice());
        }
      },
      subscribe: async (serverId, handler) => {
        this.#handlers.set(serverId, { party, handler });
        return () => {
          if (this.#handlers.get(serverId)?.handler === handler) this.#handlers.delete(serverId);
        };
      },
      close: async () => {},
    };
  }

  #carry(serverId: string, envelope: Uint8Array): void {
    const subscriber = this.#handlers.get(serverId);
    if (subscriber === undefined) return;
    const delay = this.chance.delay(this.weather.usual, this.weather.longest);
    this.scheduler.after(delay, subscriber.party, () => {
      this.trace.note(subscriber.party.name, `← fan-out ${envelope.length} bytes`);
      subscriber.handler(envelope);
    });
  }
}
