import type { SeededRandom } from "../replay/seeded-random.js";
import type { Engine } from "./backends/backend.js";
import type { Cluster } from "./cluster.js";
import type { HistoryWriter } from "./history.js";

/** What is done to the servers and their store; what is done to connections, the players do. */
export interface HavocOptions {
  readonly cluster: Cluster;
  readonly engine: Engine;
  readonly history: HistoryWriter;
  readonly random: SeededRandom;
  readonly faults: ReadonlySet<Fault>;
  readonly conversationIds: readonly string[];
}

/**
 * `kill`: SIGKILL every 1 to 5 s, now and then in bursts. `still`: SIGSTOP, and SIGCONT after some seconds. `full`: the store is full,
 * as the engine's own limit has it. `disk`: the file system is full. `rewind`: a backup is restored, or a failover loses commits.
 * `database`: the database crashes and is started again. `broker`: what is between the servers does. `network`: servers and one of their
 * engines are parted for a while, or some of their connections are cut or fall silent.
 */
export type Fault = "kill" | "still" | "full" | "disk" | "rewind" | "database" | "broker" | "network";

/** Disturbs servers and store until told to end. One thing at a time is done to the store; kills strike at any time. */
export class Havoc {
  readonly #options: HavocOptions;
  readonly #loops: Promise<void>[] = [];
  #isOver = false;
  /** Set while nothing may happen. */
  #calm: Promise<void> | undefined;
  readonly #under = new Set<Promise<void>>();
  readonly #times = new Map<Fault, number>();
  #failure: unknown;

  constructor(options: HavocOptions) {
    this.#options = options;
    const { faults } = options;
    const acts: Readonly<
      Record<Fault, readonly [shortest: number, longest: number, act: () => Promise<void>]>
    > = {
      kill: [1_000, 5_000, () => this.#kill()],
      still: [3_000, 12_000, () => this.#standStill()],
      full: [4_000, 12_000, () => this.#fill()],
      disk: [1_000, 3_000, () => this.#fillDisk()],
      database: [4_000, 12_000, () => this.#crash("database crashed", this.#options.engine.crashDatabase)],
      broker: [4_000, 12_000, () => this.#crash("broker crashed", this.#options.engine.crashBroker)],
      network: [2_000, 8_000, () => this.#cutNetwork()],
      // It waits for the others.
      rewind: [1_000, 4_000, () => this.calmly(() => this.#rewind())],
    };
    for (const fault of faults) this.#loops.push(this.#loop(fault, ...acts[fault]));
  }

  /** Does something while nothing else happens to servers and store. */
  async calmly<T>(act: () => Promise<T>): Promise<T> {
    while (this.#calm !== undefined) await this.#calm;
    let go = (): void => {};
    this.#calm = new Promise((resolve) => (go = resolve));
    try {
      await Promise.all(this.#under);
      return await act();
    } finally {
      this.#calm = undefined;
      go();
    }
  }

  /** No more of it. Resolves once everything runs and has room. @throws what went wrong */
  async end(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#loops);
    if (this.#failure !== undefined) throw new Error("Disturbing servers failed.", { cause: this.#failure });
  }

  get failure(): unknown {
    return this.#failure;
  }

  /** How often that was done. */
  times(fault: Fault): number {
    return this.#times.get(fault) ?? 0;
  }

  async #loop(fault: Fault, shortest: number, longest: number, act: () => Promise<void>): Promise<void> {
    const { random } = this.#options;
    try {
      while (!this.#isOver) {
        await pause(shortest + random.float() * (longest - shortest));
        while (this.#calm !== undefined) await this.#calm;
        if (this.#isOver) return;
        const under = act();
        if (fault !== "rewind") this.#track(under.catch(() => {}));
        await under;
        this.#times.set(fault, this.times(fault) + 1);
      }
    } catch (error) {
      this.#failure ??= error;
    }
  }

  #track(promise: Promise<void>): void {
    this.#under.add(promise);
    void promise.finally(() => this.#under.delete(promise));
  }

  #note(name: string): void {
    this.#options.history.add({ type: "fault", name, at: Date.now() });
  }

  async #kill(): Promise<void> {
    const { cluster, random } = this.#options;
    const strikes = random.chance(0.15) ? 3 + random.integer(3) : 1;
    if (strikes > 1) this.#note("burst of kills");
    for (let strike = 0; strike < strikes; strike++) {
      await cluster.kill(random.pick(cluster.servers)!);
      if (strike + 1 < strikes) await pause(random.float() * 300);
    }
  }

  async #standStill(): Promise<void> {
    const { cluster, random } = this.#options;
    await cluster.standStill(random.pick(cluster.servers)!, 200 + random.float() * 5_000);
  }

  async #fill(): Promise<void> {
    const { cluster, random } = this.#options;
    this.#note("store full");
    cluster.fill(true);
    await pause(500 + random.float() * 2_000);
    cluster.fill(false);
  }

  async #fillDisk(): Promise<void> {
    const { engine, random } = this.#options;
    this.#note("disk full");
    engine.fillDisk?.(true);
    await pause(300 + random.float() * 1_500);
    engine.fillDisk?.(false);
  }

  async #crash(name: string, act: (() => Promise<void>) | undefined): Promise<void> {
    this.#note(name);
    await act?.();
  }

  async #cutNetwork(): Promise<void> {
    const { engine, random } = this.#options;
    const way = random.pick(engine.ways ?? []);
    if (way === undefined) return;
    if (random.chance(0.5)) {
      this.#note("engine parted");
      way.part();
      await pause(300 + random.float() * 4_000);
      way.heal();
      return;
    }
    for (let cuts = 1 + random.integer(4); cuts > 0; cuts--) {
      const cut = random.pick(["now", "now", "silent"] as const)!;
      way.cut(cut, random, () => this.#note(`engine's connection cut ${cut}`));
    }
  }

  async #rewind(): Promise<void> {
    const { cluster, engine, history, random, conversationIds } = this.#options;
    const isFailover = random.chance(0.5);
    // An embedded store can't be exchanged under its process.
    const goOn = isFailover && engine.ways !== undefined;
    await engine.takeBackup();
    await pause(isFailover ? random.float() * 300 : 1_000 + random.float() * 3_000);
    if (!goOn) await cluster.killAll();
    const { heads, lost } = await engine.restoreBackup(conversationIds);
    this.#note(isFailover ? "failover that lost commits" : "backup restored");
    history.add({ type: "rewound", heads, lost });
    if (!goOn) await cluster.start();
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
