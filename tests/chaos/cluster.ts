import type { SeededRandom } from "../replay/seeded-random.js";
import type { Backend, Engine } from "./backends/backend.js";
import type { HistoryWriter } from "./history.js";
import { ServerProcess } from "./server-process.js";

/** How badly fan-out between servers does; probabilities. */
interface FanoutWeather {
  loses: number;
  doubles: number;
  /** ms at the most; what differs in its delay is reordered. */
  delay: number;
}

/** What a cluster is made of. */
export interface ClusterOptions {
  readonly backend: Backend;
  readonly engine: Engine;
  readonly bundle: string;
  readonly servers: number;
  /** See ServerSettings, ms. */
  readonly heartbeatInterval: number;
  readonly history: HistoryWriter;
  readonly random: SeededRandom;
  /** Where servers listen has changed. */
  readonly onPorts: (ports: readonly number[], isNews: boolean) => void;
}

/** The servers of a round, on one store, and the fan-out between them. */
export class Cluster {
  readonly servers: readonly ServerProcess[];
  readonly fanout: FanoutWeather = { loses: 0.1, doubles: 0.05, delay: 50 };
  /** What servers warned of, and how often. */
  readonly logs = new Map<string, number>();
  /** The largest resident set of any server so far, bytes. */
  peakMemory = 0;
  /** Of the server that told of it last. */
  connections = 0;
  /** Ports of servers that are gone stay in use until they are back: a load balancer is not told at once either. */
  readonly #ports = new Map<ServerProcess, number>();
  readonly #options: ClusterOptions;
  failure: Error | undefined;

  constructor(options: ClusterOptions) {
    this.#options = options;
    const { backend, engine, bundle, servers, random, history } = options;
    this.servers = Array.from({ length: servers }, (_, index) => {
      const config = {
        backend: backend.name,
        place: engine.place,
        serverId: `s${index + 1}`,
        heartbeatInterval: options.heartbeatInterval,
        watches: true,
      };
      return new ServerProcess(bundle, config, {
        log: (level, event, fields) => {
          history.add({ type: "warned", server: config.serverId, event, fields, at: Date.now() });
          const line = `${level} ${event}`;
          this.logs.set(line, (this.logs.get(line) ?? 0) + 1);
        },
        envelope: (to, bytes) => this.#carry(to, bytes, random),
        memory: (resident, connections) => {
          this.peakMemory = Math.max(this.peakMemory, resident);
          this.connections = connections;
        },
        died: (reason) => (this.failure ??= new Error(reason)),
      });
    });
  }

  /** All of them listen. @param watches see ServerConfig */
  async start(watches = true): Promise<void> {
    for (const server of this.servers) await this.#up(server, watches);
  }

  /** SIGKILL, and at once started again. */
  async kill(server: ServerProcess): Promise<void> {
    if (!(await server.kill())) return;
    this.#note("killed");
    await this.#up(server);
  }

  /** All at once, and not started again. */
  async killAll(): Promise<void> {
    for (const server of this.servers) if (await server.kill()) this.#note("killed");
  }

  async standStill(server: ServerProcess, ms: number): Promise<void> {
    if (!server.standStill()) return;
    this.#note("stopped");
    await new Promise((resolve) => setTimeout(resolve, ms));
    server.goOn();
    this.#note("continued");
  }

  fill(isFull: boolean): void {
    for (const server of this.servers) server.send({ type: "fill", isFull });
  }

  /** Gracefully. */
  async stop(): Promise<void> {
    for (const server of this.servers) await server.stop();
  }

  async #up(server: ServerProcess, watches = true): Promise<void> {
    await server.start(watches);
    if (server.port === undefined) return;
    this.#note("up");
    this.#ports.set(server, server.port);
    this.#options.onPorts([...this.#ports.values()], true);
  }

  #note(is: "killed" | "up" | "stopped" | "continued"): void {
    this.#options.history.add({ type: "server", is, at: Date.now() });
  }

  #carry(to: string, bytes: Uint8Array, random: SeededRandom): void {
    const server = this.servers.find(({ serverId }) => serverId === to);
    if (server === undefined || random.chance(this.fanout.loses)) return;
    const copies = random.chance(this.fanout.doubles) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      setTimeout(() => server.send({ type: "envelope", bytes }), random.float() * this.fanout.delay);
    }
  }
}
