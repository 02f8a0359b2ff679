import { join } from "node:path";
import { LIMITS, systemRuntime } from "@chat/protocol";
import { DEFAULT_SETTINGS } from "@chat/server";
import { SeededRandom } from "../replay/seeded-random.js";
import type { Backend, Engine } from "./backends/backend.js";
import { Cluster } from "./cluster.js";
import { HistoryWriter, readHistory } from "./history.js";
import { HistoryJudge, type Verdict } from "./judge-history.js";
import type { DeviceSpec, Room } from "./player-messages.js";
import { PlayerProcess } from "./player-process.js";
import { readLogs } from "./read-logs.js";
import { StalledConsumer } from "./stalled-consumer.js";

/** How many, and where. */
export interface StormOptions {
  readonly backend: Backend;
  readonly folder: string;
  readonly bundles: { readonly server: string; readonly player: string };
  /** Clients that lose their server at the same moment. */
  readonly clients: number;
  /** Messages of the burst. */
  readonly burst: number;
  /** For how long some consumers read nothing, ms. */
  readonly stall: number;
  readonly print: (line: string) => void;
}

const MEGABYTE = 1_048_576;
const ROOM_MEMBERS = 50;
const BURST_DEVICES = 100;
const WRITERS = 10;
const STALLED = 10;
const CHARACTERS = 1_000;
const PLAYERS = 2;
/** By which a garbage collector may be late. */
const SLACK_BYTES = 64 * MEGABYTE;

/** A world of devices that do what they are told; its history is judged when it is over. */
class Crowd {
  readonly players: readonly PlayerProcess[];
  readonly cluster: Cluster;
  readonly #history: HistoryWriter;
  readonly #histories: readonly string[];
  readonly #world: string;
  readonly #backend: Backend;
  readonly #place: string;
  readonly #devices: readonly DeviceSpec[];
  readonly #rooms: readonly Room[];

  private constructor(
    options: StormOptions,
    name: string,
    devices: readonly DeviceSpec[],
    rooms: readonly Room[],
    engine: Engine,
  ) {
    const { backend, bundles, folder } = options;
    this.#backend = backend;
    this.#place = engine.place;
    this.#devices = devices;
    this.#rooms = rooms;
    this.players = Array.from({ length: PLAYERS }, () => new PlayerProcess(bundles.player));
    this.#world = join(folder, `${name}-world.jsonl`);
    this.#histories = this.players.map((_, index) => join(folder, `${name}-${index + 1}.jsonl`));
    this.#history = new HistoryWriter(this.#world);
    this.cluster = new Cluster({
      backend,
      engine,
      bundle: bundles.server,
      servers: 1,
      heartbeatInterval: DEFAULT_SETTINGS.heartbeatInterval,
      history: this.#history,
      random: new SeededRandom(name),
      onPorts: (ports) => this.players.forEach((player) => player.servers(ports, false)),
    });
  }

  static async gather(
    options: StormOptions,
    name: string,
    devices: readonly DeviceSpec[],
    rooms: readonly Room[],
  ): Promise<Crowd> {
    const engine = await options.backend.prepare(options.folder);
    const crowd = new Crowd(options, name, devices, rooms, engine);
    await crowd.cluster.start();
    await crowd.all((player, index) =>
      player.ask("setUp", {
        devices: devices.filter((_, place) => place % PLAYERS === index),
        rooms,
        history: crowd.#histories[index]!,
        seed: index,
        window: 0,
        changesMembers: false,
        disturbs: false,
      }),
    );
    return crowd;
  }

  all<T>(ask: (player: PlayerProcess, index: number) => Promise<T>): Promise<T[]> {
    return Promise.all(this.players.map(ask));
  }

  /** The player of a device. */
  of(device: DeviceSpec): PlayerProcess {
    return this.players[this.#devices.indexOf(device) % PLAYERS]!;
  }

  async judge(): Promise<{ readonly verdict: Verdict; readonly unrest: readonly string[] }> {
    const unrest = (await this.all((player) => player.ask("drain", {}))).flat();
    unrest.push(...(await this.all((player) => player.ask("show", {}))).flat());
    await this.cluster.stop();
    const opened = await this.#backend.open(this.#place);
    await opened.store.open({ runtime: systemRuntime(), groupMembers: LIMITS.groupMembers });
    for await (const log of readLogs(
      opened.store,
      this.#rooms.map(({ id }) => id),
    ))
      this.#history.add(log);
    await opened.store.close();
    await opened.close();
    this.#history.close();
    const judged = new HistoryJudge();
    for (const file of [this.#world, ...this.#histories]) {
      for await (const event of readHistory(file)) judged.add(event);
    }
    return { verdict: judged.verdict(), unrest };
  }

  async end(): Promise<void> {
    for (const player of this.players) player.end();
    for (const server of this.cluster.servers) await server.kill();
  }
}

function people(count: number): DeviceSpec[] {
  return Array.from({ length: count }, (_, index) => ({ name: `u${index + 1}a`, user: `u${index + 1}` }));
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / MEGABYTE)} MB`;
}

/** Clients that all lose their server at once, and come back at once. Gives sentences on what went wrong. */
export async function reconnectStorm(options: StormOptions): Promise<readonly string[]> {
  const { clients, print } = options;
  const devices = people(clients);
  const rooms: Room[] = [];
  for (let first = 0; first < clients; first += ROOM_MEMBERS) {
    const members = devices.slice(first, first + ROOM_MEMBERS).map(({ user }) => user);
    rooms.push({ id: `room-${rooms.length + 1}`, members });
  }
  const began = performance.now();
  const crowd = await Crowd.gather(options, "storm", devices, rooms);
  try {
    await crowd.all((player) => player.ask("synced", {}));
    print(
      `${clients} clients have connected for the first time: ${Math.round((performance.now() - began) / 100) / 10} s`,
    );
    await crowd.all((player) => player.ask("attempts", {}));
    const { cluster } = crowd;
    const [usual, [server]] = [cluster.peakMemory, cluster.servers];
    cluster.peakMemory = 0;
    await server!.kill();
    // Somebody in each room writes while nobody is there to hear it.
    const written = Promise.all(
      rooms.map(({ id, members }) => {
        const device = devices.find(({ user }) => user === members[0])!;
        return crowd
          .of(device)
          .ask("writeMany", { conversation: id, device: device.name, count: 1, characters: 0 });
      }),
    );
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await cluster.start();
    const back = Date.now();
    const synced = await crowd.all((player) => player.ask("synced", {}));
    await written;
    // Two entries each: that the room was founded, and what was written.
    const heads = Object.fromEntries(rooms.map(({ id }) => [id, 2]));
    const held = await crowd.all((player) => player.ask("hold", { heads }));
    const attempts = await crowd.all((player) => player.ask("attempts", {}));
    const tried = attempts.reduce((sum, { all }) => sum + all, 0);
    const latest = (times: readonly (number | null)[]): string =>
      times.includes(null)
        ? "never"
        : `${((Math.max(...times.map((at) => at!)) - back) / 1_000).toFixed(1)} s`;
    const peak = cluster.peakMemory;
    const { verdict, unrest } = await crowd.judge();
    print(
      `${clients} clients after a restart: all synced after ${latest(synced)}, all have what was written meanwhile after ${latest(held)}; ` +
        `${(tried / clients).toFixed(2)} attempts to connect per client, ${Math.max(...attempts.map(({ most }) => most))} at the most; ` +
        `server ${megabytes(peak)} at the peak, ${megabytes(usual)} before (${(peak / usual).toFixed(2)} times); ` +
        `${verdict.acknowledged} acknowledged, ${verdict.breaches.lost} lost`,
    );
    const never = [...synced, ...held].includes(null) ? ["Not everybody came back."] : [];
    return [...never, ...unrest, ...verdict.examples];
  } finally {
    await crowd.end();
  }
}

/** Many messages into one conversation of many devices, of which some read nothing. Gives sentences on what went wrong. */
export async function burst(options: StormOptions): Promise<readonly string[]> {
  const { print } = options;
  const devices = people(BURST_DEVICES);
  const stalledUsers = Array.from({ length: STALLED }, (_, index) => `stalled-${index + 1}`);
  const room = { id: "room", members: [...devices.map(({ user }) => user), ...stalledUsers] };
  const crowd = await Crowd.gather(options, "burst", devices, [room]);
  let stalled: StalledConsumer[] = [];
  try {
    const { cluster } = crowd;
    const [server] = cluster.servers;
    // What the server takes for the same burst when everybody reads, to compare with.
    const calm = await write(crowd);
    const usual = cluster.peakMemory;
    cluster.peakMemory = 0;
    stalled = await Promise.all(stalledUsers.map((user) => StalledConsumer.open(server!.port!, user)));
    const since = performance.now();
    const disturbed = await write(crowd);
    await new Promise((resolve) =>
      setTimeout(resolve, Math.max(0, options.stall - (performance.now() - since))),
    );
    const peak = cluster.peakMemory;
    const { connections } = cluster;
    for (const one of stalled) one.end();
    const { verdict, unrest } = await crowd.judge();
    print(
      `${options.burst} messages of ${CHARACTERS} characters to ${BURST_DEVICES} devices: all have them after ${calm.toFixed(1)} s; ` +
        `beside ${STALLED} that read nothing for ${Math.round(options.stall / 1_000)} s: ${disturbed.toFixed(1)} s ` +
        `(${(disturbed / calm).toFixed(2)} times), server ${megabytes(peak)} at the peak instead of ${megabytes(usual)} ` +
        `(${(peak / usual).toFixed(2)} times), ${connections} connections left; ` +
        `${verdict.acknowledged} acknowledged, ${verdict.breaches.lost} lost`,
    );
    // What waits for a consumer has a limit; what the rest of the burst takes is the same as before.
    const limit = usual + STALLED * DEFAULT_SETTINGS.sendQueueBytes + SLACK_BYTES;
    const grown = peak > limit ? [`The server took ${megabytes(peak)}, more than ${megabytes(limit)}.`] : [];
    return [...grown, ...unrest, ...verdict.examples];
  } finally {
    for (const one of stalled) one.end();
    await crowd.end();
  }

  /** Seconds until every device has the burst. */
  async function write(on: Crowd): Promise<number> {
    const began = performance.now();
    const writers = devices.slice(0, WRITERS);
    await Promise.all(
      writers.map((device) =>
        on.of(device).ask("writeMany", {
          conversation: room.id,
          device: device.name,
          count: Math.ceil(options.burst / WRITERS),
          characters: CHARACTERS,
        }),
      ),
    );
    const heads = await on.all((player) => player.ask("heads", {}));
    const head = Math.max(...heads.map((known) => known[room.id] ?? 0));
    await on.all((player) => player.ask("hold", { heads: { [room.id]: head } }));
    return (performance.now() - began) / 1_000;
  }
}
