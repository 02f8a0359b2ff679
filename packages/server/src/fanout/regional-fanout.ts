import { type Cancel, ChatError, type Runtime, systemRuntime } from "@chat/protocol";
import type { Fanout } from "./fanout.js";
import { packRelayed, relayIdOf, unpackRelayed } from "./relayed.js";

/** What stands between the region and the rest of a server's id. */
const SEPARATOR = "/";
/** Foreign regions that are warned about; the same one is not twice. */
const WARNED_REGIONS = 100;

/** Settings of {@link regionalFanout}. */
export interface RegionalFanoutOptions {
  /** This server's region: its `serverId` must be `REGION/…`. */
  readonly region: string;
  /** The fan-out among the servers of this region. */
  readonly local: Fanout;
  /** For each other region a fan-out over that region's broker, the one that is `local` there. */
  readonly remotes: Readonly<Record<string, Fanout>>;
  /** Chance and log; the real ones and no log by default. */
  readonly runtime?: Pick<Runtime, "random" | "log">;
}

/**
 * Fan-out among servers of several regions, each with a broker of its own. An envelope crosses to another region once, whatever the number of
 * servers there: it goes to one of those that it is meant for, which hands it on to the others over its region's broker.
 * If that one has just died, the change feed of the others brings what it took with it. Closes the fan-outs that it was given.
 * @throws ChatError `invalid_argument` for the name of a region that holds a `/` or is empty
 */
export function regionalFanout(options: RegionalFanoutOptions): Fanout {
  for (const region of [options.region, ...Object.keys(options.remotes)]) {
    if (region === "" || region.includes(SEPARATOR))
      throw new ChatError("invalid_argument", `A region's name holds something, and no "/": "${region}".`);
  }
  if (options.remotes[options.region] !== undefined)
    throw new ChatError("invalid_argument", `The region ${options.region} is this one, and no remote one.`);
  return new RegionalFanout(options);
}

class RegionalFanout implements Fanout {
  readonly #region: string;
  readonly #local: Fanout;
  readonly #remotes: ReadonlyMap<string, Fanout>;
  readonly #runtime: Pick<Runtime, "random" | "log">;
  /** Which of a region's servers relay for this one, so that all servers together burden all relays alike. */
  readonly #share: number;
  readonly #warned = new Set<string>();

  constructor({ region, local, remotes, runtime = systemRuntime() }: RegionalFanoutOptions) {
    this.#region = region;
    this.#local = local;
    this.#remotes = new Map(Object.entries(remotes));
    this.#runtime = runtime;
    this.#share = runtime.random.float();
  }

  publish(serverIds: readonly string[], envelope: Uint8Array): void {
    const local: string[] = [];
    const foreign = new Map<string, string[]>();
    for (const serverId of new Set(serverIds)) {
      const region = regionOf(serverId);
      if (region === this.#region) local.push(serverId);
      else if (this.#remotes.has(region)) foreign.set(region, [...(foreign.get(region) ?? []), serverId]);
      else this.#warn(serverId, region);
    }
    if (local.length > 0) this.#local.publish(local, envelope);
    for (const [region, targets] of foreign) {
      // The same one as long as the same servers are meant: two relays would overtake each other.
      const relay = targets.sort()[Math.floor(this.#share * targets.length)]!;
      this.#remotes.get(region)!.publish([relayIdOf(relay)], packRelayed(targets, envelope));
    }
  }

  async subscribe(serverId: string, handler: (envelope: Uint8Array) => void): Promise<Cancel> {
    if (regionOf(serverId) !== this.#region) {
      throw new ChatError(
        "invalid_argument",
        `The serverId must be "${this.#region}${SEPARATOR}…", since this is the region ${this.#region}; it is "${serverId}".`,
      );
    }
    const cancel = await this.#local.subscribe(serverId, handler);
    try {
      const cancelRelay = await this.#local.subscribe(relayIdOf(serverId), (bytes) => this.#relay(bytes));
      return () => {
        cancel();
        cancelRelay();
      };
    } catch (error) {
      cancel();
      throw error;
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#local, ...this.#remotes.values()].map((fanout) => fanout.close()));
  }

  /** Hands on what came for servers of this region, itself perhaps among them. */
  #relay(bytes: Uint8Array): void {
    const relayed = unpackRelayed(bytes);
    const targets = relayed?.serverIds.filter((serverId) => regionOf(serverId) === this.#region) ?? [];
    if (relayed !== undefined && targets.length > 0) this.#local.publish(targets, relayed.envelope);
  }

  #warn(serverId: string, region: string): void {
    if (this.#warned.has(region) || this.#warned.size >= WARNED_REGIONS) return;
    this.#warned.add(region);
    this.#runtime.log("warn", "fanout_region_unknown", { serverId, region });
  }
}

/** What stands before the first separator; nothing if there is none. */
function regionOf(serverId: string): string {
  const end = serverId.indexOf(SEPARATOR);
  return end < 0 ? "" : serverId.slice(0, end);
}
