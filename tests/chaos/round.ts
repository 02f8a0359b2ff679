import { join } from "node:path";
import { LIMITS, systemRuntime } from "@chat/protocol";
import { SeededRandom } from "../replay/seeded-random.js";
import type { Backend } from "./backends/backend.js";
import { Cluster } from "./cluster.js";
import { type Fault, Havoc } from "./havoc.js";
import { HistoryWriter, readHistory } from "./history.js";
import { HistoryJudge, type Verdict } from "./judge-history.js";
import type { DeviceSpec, Heads, Room } from "./player-messages.js";
import { PlayerProcess } from "./player-process.js";
import { readLogs } from "./read-logs.js";

/** One kind of world, and how much is written in it. */
export interface RoundOptions {
  readonly name: string;
  readonly backend: Backend;
  /** Of this round alone; histories are written into it. */
  readonly folder: string;
  /** Where the store lies. */
  readonly storeFolder: string;
  readonly bundles: { readonly server: string; readonly player: string };
  readonly seed: number;
  readonly servers: number;
  /** Acknowledged messages after which the writing ends. */
  readonly messages: number;
  readonly faults: ReadonlySet<Fault>;
  /** The writing goes on until that was done so often. */
  readonly least: readonly [fault: Fault, times: number];
  /** Whether members come and go: not where the store loses that, too. */
  readonly changesMembers: boolean;
  readonly print: (line: string) => void;
}

/** What a round came to. */
export interface RoundResult extends Verdict {
  readonly cuts: number;
  readonly seconds: number;
  /** Largest resident set of a server, bytes. */
  readonly peakMemory: number;
  readonly logs: ReadonlyMap<string, number>;
  /** What did not come to rest, in sentences. */
  readonly unrest: readonly string[];
}

const PLAYERS = 2;
const USERS = 16;
const MEMBERS = 5;
/** A room's log is paged through by every device at the end. */
const MESSAGES_PER_ROOM = 10_000;
const LEAST_ROOMS = 8;
/** Messages of one device that may be unanswered. */
const WINDOW = 200;
const PROBES = 10;
const PARTITIONS = 4;
const PARTITION_EVERY_MS = 10_000;
const PROGRESS_MS = 5_000;

function layOut(messages: number): {
  readonly rooms: readonly Room[];
  readonly devices: readonly DeviceSpec[];
} {
  const users = Array.from({ length: USERS }, (_, index) => `u${index + 1}`);
  const count = Math.max(LEAST_ROOMS, Math.ceil(messages / MESSAGES_PER_ROOM));
  const rooms = Array.from({ length: count }, (_, index) => ({
    id: `room-${index + 1}`,
    members: Array.from({ length: MEMBERS }, (_, member) => users[(index * 3 + member * 5) % USERS]!),
  }));
  // Every second user has two devices.
  const devices = users.flatMap((user, index) =>
    (index % 2 === 0 ? ["a", "b"] : ["a"]).map((letter) => ({ name: user + letter, user })),
  );
  return { rooms, devices };
}

function merged(all: readonly Heads[]): Heads {
  const heads: Record<string, number> = {};
  for (const one of all) {
    for (const [id, head] of Object.entries(one)) heads[id] = Math.max(head, heads[id] ?? 0);
  }
  return heads;
}

/** Plays one round from the first server's start to the verdict. */
export async function playRound(options: RoundOptions): Promise<RoundResult> {
  const { name, backend, folder, bundles, seed, messages, print } = options;
  const began = performance.now();
  const random = new SeededRandom(`${seed} ${name}`);
  const { rooms, devices } = layOut(messages);
  const engine = await backend.prepare(options.storeFolder);
  const world = join(folder, "world.jsonl");
  const history = new HistoryWriter(world);
  const players = Array.from({ length: PLAYERS }, () => new PlayerProcess(bundles.player));
  const histories = players.map((_, index) => join(folder, `player-${index + 1}.jsonl`));
  const cluster = new Cluster({
    backend,
    engine,
    bundle: bundles.server,
    servers: options.servers,
    // A line that fell silent is to be found out within the run.
    heartbeatInterval: 3_000,
    history,
    random,
    onPorts: (ports, isNews) => players.forEach((player) => player.servers(ports, isNews)),
  });
  const all = <T>(ask: (player: PlayerProcess) => Promise<T>): Promise<T[]> => Promise.all(players.map(ask));
  const acknowledged = (): number => players.reduce((sum, { progress }) => sum + progress.acknowledged, 0);
  const unrest: string[] = [];
  try {
    await cluster.start();
    await Promise.all(
      players.map((player, index) =>
        player.ask("setUp", {
          devices: devices.filter((_, place) => place % PLAYERS === index),
          rooms,
          history: histories[index]!,
          seed: seed * PLAYERS + index,
          window: WINDOW,
          changesMembers: options.changesMembers,
          disturbs: true,
        }),
      ),
    );
    await all((player) => player.ask("write", { is: true }));
    const conversationIds = rooms.map(({ id }) => id);
    const havoc = new Havoc({ cluster, engine, history, random, faults: options.faults, conversationIds });
    let [shownAt, partAt, partitions] = [performance.now(), performance.now() + PARTITION_EVERY_MS, 0];
    const [mainFault, times] = options.least;
    while (acknowledged() < messages || havoc.times(mainFault) < times) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      if (havoc.failure !== undefined || cluster.failure !== undefined) break;
      const now = performance.now();
      if (now > shownAt + PROGRESS_MS) {
        shownAt = now;
        const seconds = Math.round((now - began) / 1_000);
        print(
          `${name}: ${String(seconds).padStart(3)} s, ${acknowledged()} of ${messages} acknowledged, ${havoc.times(mainFault)} × ${mainFault}`,
        );
      }
      if (now > partAt && partitions < PARTITIONS && !options.faults.has("rewind")) {
        await partAndHeal(random.pick(players)!, havoc);
        partAt = performance.now() + PARTITION_EVERY_MS;
        partitions++;
      }
    }
    await havoc.end();
    if (cluster.failure !== undefined) throw cluster.failure;
    unrest.push(...(await all((player) => player.ask("drain", {}))).flat());
    if (options.servers > 1 && unrest.length === 0) await loseTails();
    unrest.push(...(await all((player) => player.ask("show", {}))).flat());
    await cluster.stop();
    await writeLogs(conversationIds);
    history.close();
    return {
      ...(await judge()),
      cuts: players.reduce((sum, { progress }) => sum + progress.cuts, 0),
      seconds: (performance.now() - began) / 1_000,
      peakMemory: cluster.peakMemory,
      logs: cluster.logs,
      unrest,
    };
  } finally {
    for (const player of players) player.end();
    for (const server of cluster.servers) await server.kill();
    await engine.close();
  }

  /** Parts a half of the devices from everything, and measures how long they take to have everything once that is over. */
  async function partAndHeal(player: PlayerProcess, havoc: Havoc): Promise<void> {
    await player.ask("part", {});
    await new Promise((resolve) => setTimeout(resolve, 1_000 + random.float() * 5_000));
    // Until all is well again nothing else happens, to the servers neither: it would be measured, too.
    await havoc.calmly(async () => {
      await all((one) => one.ask("write", { is: false }));
      // What the servers still suffer from a crash of their engines has its own bound: those that were not parted are well first.
      await Promise.all(players.filter((one) => one !== player).map((one) => one.ask("synced", {})));
      await measured("convergence", async (since) => {
        const heads = merged(await all((one) => one.ask("heads", {})));
        since();
        return player.ask("heal", { heads });
      });
      await all((one) => one.ask("write", { is: true }));
    });
  }

  async function measured(
    what: "repair of a lost tail" | "convergence",
    act: (since: () => void) => Promise<number | null>,
  ): Promise<void> {
    let began = performance.now();
    const ms = await act(() => (began = performance.now()));
    if (ms === null) unrest.push(`${what}: never`);
    history.add({ type: "took", what, ms: ms ?? Math.round(performance.now() - began) });
  }

  /** Fan-out loses everything, and no server hears of the other's writes: what remains is the change feed. */
  async function loseTails(): Promise<void> {
    cluster.fanout.loses = 1;
    await cluster.stop();
    await cluster.start(false);
    await all((player) => player.ask("drain", {}));
    for (let probe = 0; probe < PROBES; probe++) {
      const place = random.integer(devices.length);
      const room = random.pick(rooms.filter(({ members }) => members.includes(devices[place]!.user)));
      if (room === undefined) continue;
      await measured("repair of a lost tail", async (since) => {
        since();
        const began = Date.now();
        const { name } = devices[place]!;
        const head = await players[place % PLAYERS]!.ask("writeOne", { device: name, conversation: room.id });
        const held = await all((player) => player.ask("hold", { heads: { [room.id]: head } }));
        return held.includes(null) ? null : Math.max(0, ...held.map((at) => at! - began));
      });
    }
  }

  async function writeLogs(conversationIds: readonly string[]): Promise<void> {
    const opened = await backend.open(engine.place);
    await opened.store.open({ runtime: systemRuntime(), groupMembers: LIMITS.groupMembers });
    for await (const log of readLogs(opened.store, conversationIds)) history.add(log);
    await opened.store.close();
    await opened.close();
  }

  async function judge(): Promise<Verdict> {
    const judged = new HistoryJudge();
    for (const file of [world, ...histories]) {
      for await (const event of readHistory(file)) judged.add(event);
    }
    return judged.verdict();
  }
}
