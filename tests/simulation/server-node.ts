import type Database from "better-sqlite3";
import {
  type ChatServer,
  type ChatStore,
  combineStores,
  createChatServer,
  type FollowingStore,
  type Registry,
  type ServerSettings,
} from "@chat/server";
import { dynamodb } from "@chat/server/dynamodb";
import { sqlite } from "@chat/server/sqlite";
import type { Chance } from "./chance.js";
import { contendedDatabase } from "./contended-database.js";
import { failingOver } from "./failing-over.js";
import { faultyRegistry } from "./faulty-registry.js";
import { faultyStore } from "./faulty-store.js";
import type { Network, ServerEnd } from "./network.js";
import type { Oracle } from "./oracle.js";
import { newerFanout, NewerVersion } from "./newer-version.js";
import { PartyClock } from "./party-clock.js";
import { Party, type Scheduler } from "./scheduler.js";
import { type DynamoDbTables, simulatedDynamoDb } from "./simulated-dynamo-db.js";
import type { Trace } from "./trace.js";
import { type LineOptions, unreliableLine, type Weather } from "./unreliable-line.js";
import type { WeakFanout } from "./weak-fanout.js";

/** What the servers of a world share. */
export interface ServerOptions {
  readonly scheduler: Scheduler;
  readonly chance: Chance;
  readonly trace: Trace;
  readonly oracle: Oracle;
  readonly network: Network;
  readonly fanout: WeakFanout;
  readonly settings: Partial<ServerSettings>;
  readonly storeWeather: Weather;
  readonly registryWeather: Weather;
  /** The probability that a commit is refused. */
  readonly contention: { readonly refuses: number };
  /** The disk of the moment; another one once a backup was restored. */
  readonly database: () => Database.Database;
  readonly registry: () => Registry;
  /** Where the messages lie, if not beside the rows. */
  readonly log: { readonly tables: DynamoDbTables; readonly weather: Weather } | undefined;
  /** Whether something is pruned or erased. */
  readonly housekeeps: boolean;
  /** Whether another engine may take over while servers run. */
  readonly failsOver: boolean;
  /** Whether the engine tells at once that another server wrote. */
  readonly watches: boolean;
}

interface Run extends ServerEnd {
  readonly chat: ChatServer;
  wrote: () => void;
}

/** One server: its process runs, dies at any point, and runs again. */
export class ServerNode {
  readonly clock: PartyClock;
  /** It is of a newer version from its next start on. */
  isNewer = false;
  /** Told when this server has committed something. */
  onCommit: () => void = () => {};
  #run: Run | undefined;
  #runs = 0;
  /** Steps that the process has to live; Infinity if it is well. */
  #steps = Infinity;

  constructor(
    readonly name: string,
    private readonly options: ServerOptions,
  ) {
    this.clock = new PartyClock(options.scheduler);
  }

  get end(): ServerEnd | undefined {
    return this.#run;
  }

  /** The server of the process that runs. */
  get chat(): ChatServer | undefined {
    return this.#run?.chat;
  }

  get frozenUntil(): number {
    return this.#run?.party.frozenUntil ?? 0;
  }

  start(): void {
    if (this.#run !== undefined) return;
    const { scheduler, trace, oracle, fanout, settings } = this.options;
    const party = new Party(this.name);
    const chance = this.options.chance.fork(`${this.name} run ${++this.#runs}`);
    const runtime = this.clock.runtime(party, chance, trace);
    const step = (): void => this.#step(party);
    const line = { party, scheduler, chance: chance.fork("lines"), trace, step };
    const isRefused = this.#contention(chance, "fault commit refused");
    const storeOn = (database: Database.Database): FollowingStore =>
      sqlite(contendedDatabase(database, isRefused), { allowVolatile: true });
    const { database, failsOver } = this.options;
    const rows = faultyStore({
      inner: failsOver ? failingOver(database, storeOn) : storeOn(database()),
      party,
      chance: line.chance,
      trace,
      weather: this.options.storeWeather,
      call: unreliableLine({ ...line, backend: "store", weather: this.options.storeWeather }),
      stored: (entry) => {
        oracle.stored(entry);
        this.onCommit();
      },
      hasCome: (advance, advanced) => oracle.hasCome(advance, advanced),
      pruned: (conversationId, count) => oracle.pruned(conversationId, count),
      wiped: (query, through) => oracle.wiped(query, through),
      followed: () => this.onCommit(),
      housekeeps: this.options.housekeeps,
      watch: (listener) => {
        run.wrote = () => scheduler.after(chance.float() * 50, party, listener);
        return () => {};
      },
    });
    const store = this.options.log === undefined ? rows : this.#besideLog(rows, line, this.options.log);
    const registryLine = unreliableLine({
      ...line,
      backend: "registry",
      weather: this.options.registryWeather,
    });
    this.#steps = Infinity;
    const own = fanout.of(party, step);
    const newer = this.isNewer ? new NewerVersion(chance.fork("newer"), trace) : undefined;
    trace.note(this.name, newer === undefined ? "starts" : "starts, newer");
    const chat = createChatServer({
      store,
      authenticate: ({ token }) => ({ userId: token }),
      fanout: newer === undefined ? own : newerFanout(own, newer, fanout.weather),
      registry: faultyRegistry(this.options.registry(), registryLine),
      serverId: this.name,
      settings,
      runtime,
    });
    const run: Run = { party, chat, step, newer, wrote: () => {} };
    this.#run = run;
    chat.ready().catch(() => {
      // What watches over servers starts it again.
      trace.hit("server could not start");
      if (!party.alive) return;
      this.kill();
      scheduler.after(1_000, undefined, () => this.start());
    });
  }

  #contention(parent: Chance, fault: string): () => boolean {
    const chance = parent.fork("contention");
    return () => {
      const isRefused = chance.happens(this.options.contention.refuses);
      if (isRefused) this.options.trace.hit(fault);
      return isRefused;
    };
  }

  /** The messages lie in DynamoDB, and the rows follow. */
  #besideLog(
    rows: FollowingStore,
    line: Omit<LineOptions, "backend" | "weather">,
    { tables, weather }: NonNullable<ServerOptions["log"]>,
  ): ChatStore {
    const { oracle } = this.options;
    const { trace, party } = line;
    const chance = line.chance.fork("log");
    const client = simulatedDynamoDb({
      tables,
      call: unreliableLine({ ...line, chance, backend: "log", weather }),
      isRefused: this.#contention(chance, "fault transaction in conflict"),
      stored: (entry) => {
        const { conversationId, messageId, text, kind } = entry;
        trace.note(party.name, `commits ${conversationId}/${messageId} ${text ?? kind}`);
        oracle.stored(entry);
      },
      pruned: (conversationId, count) => {
        trace.note(party.name, `prunes ${count} of ${conversationId}`);
        oracle.pruned(conversationId, count);
      },
      wiped: ({ conversationId, messageId, senderId }) => {
        trace.note(party.name, `wipes ${conversationId}/${messageId}`);
        oracle.wiped({ conversationId, userId: senderId, after: messageId - 1 }, messageId);
      },
    });
    return combineStores({ messages: dynamodb(client), conversations: rows });
  }

  /** Another server has committed something. */
  otherWrote(): void {
    if (this.options.watches) this.#run?.wrote();
  }

  /** The process is gone, from one instruction to the next. */
  kill(): void {
    const run = this.#run;
    if (run === undefined) return;
    this.#run = undefined;
    run.party.alive = false;
    this.options.trace.note(this.name, "dies");
    this.options.network.serverDied(run, this.options.chance);
  }

  /** It will die after so many more steps: between any two of a store call, its answer, a send, a publish. */
  dieAfter(steps: number): void {
    if (this.#run !== undefined) this.#steps = steps;
  }

  /** It is told to end, and comes back. */
  restart(): void {
    const run = this.#run;
    if (run === undefined) return;
    const { scheduler, trace } = this.options;
    trace.note(this.name, "is told to end");
    this.#run = undefined;
    run.chat.close().then(
      () => trace.note(this.name, "has ended"),
      (error: unknown) => trace.fail("a server ends without an error", String(error)),
    );
    scheduler.after(20_000, undefined, () => {
      run.party.alive = false;
      this.options.network.serverDied(run, this.options.chance);
      this.start();
    });
  }

  /** It stands still, as a process does that is stopped, swapped out or collecting garbage. */
  pause(duration: number): void {
    const run = this.#run;
    if (run === undefined) return;
    this.options.trace.note(this.name, `stands still for ${Math.round(duration)} ms`);
    run.party.frozenUntil = Math.max(run.party.frozenUntil, this.options.scheduler.now + duration);
  }

  #step(party: Party): void {
    if (this.#run?.party !== party || --this.#steps > 0) return;
    this.options.trace.hit("fault server died at a step");
    this.kill();
  }
}
