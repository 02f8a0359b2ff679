import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { SeededRandom } from "../replay/seeded-random.js";
import { DeadlinePassed, within } from "../replay/wait-until.js";
import { Bystanders } from "./bystanders.js";
import { Child } from "./child.js";
import { Figures } from "./figures.js";
import type { FuzzWorld } from "./fuzz-world.js";
import { hostileCall } from "./hostile-caller.js";
import { hostileConnection } from "./hostile-device.js";
import { HostileServer } from "./hostile-server.js";
import { KnownValues } from "./known-values.js";

/** What a run of the fuzzer takes. */
export interface FuzzOptions {
  readonly seed: number;
  readonly seconds: number;
  /** Told now and then, and when something was found. */
  print(line: string): void;
}

/** Hostile connections and requests side by side. */
const PEERS = 6;
const HOSTILE_USERS = 5;
/** ms between two messages of the bystanders. */
const TALK_INTERVAL = 250;
/** ms within which the victim has found its way to the good server. */
const SYNC_PATIENCE = 60_000;
/** ms after which nothing of the attack is left: twice the deadlines that server-child.ts sets. */
const SETTLE = 4_000;
/** ms between two lines of progress. */
const REPORT_INTERVAL = 10_000;
/** So much may a process hold while it is being fuzzed; and more than before, once it has been left alone. */
const PEAK_BYTES = 1_024 * 1_048_576;
const LEFT_BYTES = 64 * 1_048_576;
/** The same finding is told so often. */
const TOLD = 3;

/** The paths of the HTTP service, as they are documented. */
const PATHS = Object.keys(
  (JSON.parse(readFileSync(new URL("../../docs/openapi.json", import.meta.url), "utf8")) as { paths: object })
    .paths,
);

/**
 * Lets hostile peers loose on a real server and a real client, each in a process of its own, while two bystanders talk
 * through the same server, one of them in the attacked client's process.
 * @returns what was done, and what was found
 */
export async function fuzz(
  options: FuzzOptions,
): Promise<{ figures: Figures; findings: ReadonlyMap<string, number> }> {
  const folder = mkdtempSync(join(tmpdir(), "chat-fuzz-"));
  const random = new SeededRandom(options.seed);
  const figures = new Figures();
  const findings = new Map<string, number>();
  const room = randomUUID();
  const rooms = Array.from({ length: 8 }, (_, index) => `room-${index}`);
  const users = Array.from({ length: HOSTILE_USERS }, (_, index) => `mallory-${index}`);
  const world: FuzzWorld = {
    random,
    figures,
    known: new KnownValues([...rooms, ...users, room, "ana", "bo", "victim"]),
    hostileUser: () => users[random.integer(users.length)]!,
    finding(sentence) {
      // Numbers and ids differ from case to case; a defect is told once.
      const kind = sentence.replaceAll(/\d+/g, "N").slice(0, 200);
      const times = (findings.get(kind) ?? 0) + 1;
      findings.set(kind, times);
      if (times <= TOLD) options.print(`FOUND: ${sentence.slice(0, 3_000)}`);
    },
  };
  const tokens = { ana: `${randomUUID()}`, bo: `${randomUUID()}`, victim: "victim" };
  const byToken = Object.fromEntries(Object.entries(tokens).map(([userId, token]) => [token, userId]));

  const server = new Child(
    "server",
    new URL("./server-child.ts", import.meta.url),
    [join(folder, "chat.db"), JSON.stringify(byToken)],
    world.finding,
  );
  const hostile = new HostileServer(world);
  let client: Child | undefined;
  let bystanders: Bystanders | undefined;
  try {
    const ports = await server.started();
    const url = `http://127.0.0.1:${ports[0]}/chat`;
    const hostileUrl = `http://127.0.0.1:${await hostile.listen()}/chat`;
    const clientFile = new URL("./client-child.ts", import.meta.url);
    client = new Child("client", clientFile, [url, hostileUrl, tokens.ana], world.finding);
    await client.started();
    bystanders = new Bystanders({ url, token: tokens.bo, room, ana: client });
    await bystanders.meet();
    const before = await server.memory();
    await attack({ world, options, server, client, hostile, bystanders, ports });

    // The lies are over: what the victim then holds must be what the good server has, and nothing else.
    hostile.becomeHonest(ports[0]!);
    const truth = await within(client.do("truth"), SYNC_PATIENCE, () => "syncs").catch(
      async (error: unknown) => {
        if (!(error instanceof DeadlinePassed)) throw error;
        throw new Error(`the client has not synced with a good server: ${String(await client?.do("state"))}`);
      },
    );
    const rows = await conversationsOf(url, tokens.victim);
    if (!isDeepStrictEqual(truth, rows)) {
      world.finding(`the client holds ${JSON.stringify(truth)}, its server ${JSON.stringify(rows)}`);
    }
    const disagreement = await bystanders.disagreement();
    if (disagreement !== undefined) world.finding(disagreement);
    figures.bystanderMessages = bystanders.messages;
    await pause(SETTLE);
    const left = (await server.memory()).heapBytes - before.heapBytes;
    if (left > LEFT_BYTES) world.finding(`the server holds ${left} bytes more than before`);
  } catch (error) {
    world.finding(error instanceof Error ? (error.stack ?? error.message) : String(error));
  } finally {
    await bystanders?.close();
    hostile.close();
    for (const child of [client, server]) {
      await child?.end().catch((error: unknown) => world.finding(String(error)));
    }
    rmSync(folder, { recursive: true, force: true });
  }
  return { figures, findings };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Everybody at once, until the time is over or somebody went down. */
async function attack(run: {
  readonly world: FuzzWorld;
  readonly options: FuzzOptions;
  readonly server: Child;
  readonly client: Child;
  readonly hostile: HostileServer;
  readonly bystanders: Bystanders;
  readonly ports: readonly number[];
}): Promise<void> {
  const { world, options, server, client, hostile, bystanders, ports } = run;
  const { random, figures } = world;
  const until = performance.now() + options.seconds * 1_000;
  const isOver = (): boolean => performance.now() >= until || !server.isAlive || !client.isAlive;

  async function attackServer(): Promise<void> {
    while (!isOver()) {
      const port = ports[random.integer(ports.length)]!;
      if (random.chance(0.3)) await hostileConnection(world, port);
      else await hostileCall(world, port, PATHS);
    }
  }

  async function attackClient(): Promise<void> {
    while (!isOver()) {
      hostile.push();
      if (random.chance(0.05)) await client.do("act");
      await pause(random.integer(10));
    }
  }

  async function converse(): Promise<void> {
    while (!isOver()) {
      await bystanders.exchange();
      await pause(TALK_INTERVAL);
    }
  }

  async function watch(): Promise<void> {
    while (!isOver()) {
      await pause(Math.min(REPORT_INTERVAL, options.seconds * 250));
      const [ofServer, ofClient] = await Promise.all([server.memory(), client.memory()]);
      figures.peakServerBytes = Math.max(figures.peakServerBytes, ofServer.residentBytes);
      figures.peakClientBytes = Math.max(figures.peakClientBytes, ofClient.residentBytes);
      if (Math.max(figures.peakServerBytes, figures.peakClientBytes) > PEAK_BYTES) {
        world.finding("a process takes more memory than it may");
      }
      options.print(figures.toString());
    }
  }

  await Promise.all([...Array.from({ length: PEERS }, attackServer), attackClient(), converse(), watch()]);
}

async function conversationsOf(url: string, token: string): Promise<string[]> {
  const ids: string[] = [];
  let page: string | undefined;
  do {
    const query: string = page === undefined ? "" : `&page=${encodeURIComponent(page)}`;
    const answer = await fetch(`${url}/conversations?limit=200${query}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const body = (await answer.json()) as {
      items: { conversationId: string }[];
      next?: string;
    };
    ids.push(...body.items.map(({ conversationId }) => conversationId));
    page = body.next;
  } while (page !== undefined);
  return ids.sort();
}
