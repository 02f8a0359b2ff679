import { newUuid } from "@chat/protocol";
import Database from "better-sqlite3";
import {
  type ChatServer,
  inProcessRegistry,
  type Registry,
  type Retention,
  type ServerSettings,
} from "@chat/server";
import { sqliteRegistry } from "@chat/server/sqlite";
import type { Group } from "./actions.js";
import { Chance } from "./chance.js";
import { Device } from "./device.js";
import type { Focus } from "./focus.js";
import { Network, type ServerEnd } from "./network.js";
import { Oracle, type OracleSnapshot } from "./oracle.js";
import { EPOCH, PartyClock } from "./party-clock.js";
import { Party, Scheduler } from "./scheduler.js";
import { ServerNode } from "./server-node.js";
import { type DynamoDbSnapshot, DynamoDbTables } from "./simulated-dynamo-db.js";
import { Trace } from "./trace.js";
import type { Weather } from "./unreliable-line.js";
import { WeakFanout } from "./weak-fanout.js";

const USERS = ["ann", "bob", "cyd", "dan", "eve"];
/** More of them, where groups are large. */
const CROWD = ["fay", "gus", "hal", "ivy", "jon"];
const MOST_GROUPS = 6;
const FAULTS: readonly Group[] = [
  "members",
  "network",
  "server",
  "pause",
  "store",
  "fanout",
  "registry",
  "clock",
  "device",
  "storage",
  "sleep",
  "backup",
];
/** How often a seed has each kind of fault. Fewer kinds at a time go deeper. */
const SHARE: Partial<Record<Group, number>> = { members: 0.8, backup: 0.2 };

/**
 * Kinds that came later, and how often a seed has one. They are drawn apart, so that seeds without them are what they were. Where
 * backups are restored, which bring back what was deleted, there is retention by a draw of its own, and none of the others.
 */
const LATER: Partial<Record<Group, number>> = { retention: 0.15, erasure: 0.15, "large group": 0.15 };
/** The same, of those that get along with backups, and with what is deleted; each is drawn from a source of its own, so that more may come. */
const APART: Partial<Record<Group, number>> = {
  contention: 0.2,
  "log elsewhere": 0.2,
  versions: 0.2,
  failover: 0.15,
};
/** Kinds that planted bugs from before them are looked for without. */
export const LATER_GROUPS: readonly string[] = [...Object.keys(LATER), ...Object.keys(APART)];

/** Something that a device still held when the store lost it. */
interface Owed {
  readonly text: string;
  readonly device: Device;
  /** Its id in the history that was lost. */
  readonly messageId: number;
}

/** What is put back when a backup is restored. */
interface Backup {
  readonly database: Buffer;
  readonly log: DynamoDbSnapshot | undefined;
  /** The log is of a later moment than the database, and otherwise of the same. */
  readonly isLogLater: boolean;
  /** What the log held, of the conversations that the database knows. */
  readonly oracle: OracleSnapshot;
}

/** One seed's world: its servers, devices, backends and network, on one virtual time. */
export class World {
  readonly scheduler = new Scheduler();
  readonly trace: Trace;
  readonly oracle: Oracle;
  readonly chance: Chance;
  readonly users: readonly string[];
  readonly servers: ServerNode[] = [];
  readonly devices: Device[] = [];
  readonly network: Network;
  readonly fanout: WeakFanout;
  readonly storeWeather: Weather = { unavailable: 0, unknown: 0, usual: 2, longest: 40 };
  /** Where the messages lie, if not in the database. */
  readonly log: DynamoDbTables | undefined;
  readonly logWeather: Weather = { unavailable: 0, unknown: 0, usual: 2, longest: 40 };
  readonly registryWeather: Weather = { unavailable: 0, unknown: 0, usual: 2, longest: 40 };
  /** The probability that a server's commit is rolled back because another is in its way. */
  readonly contention = { refuses: 0 };
  /** The kinds of actions that this seed has. */
  readonly groups: Set<Group>;
  /** Messages that must come back after a restored backup. */
  owed: Owed[] = [];
  #database: Database.Database;
  /** Engines that another one has taken over from. */
  readonly #former: Database.Database[] = [];
  #registry: Registry;
  readonly #newRegistry: () => Registry;
  #backup: Backup | undefined;
  #groupsMade = 0;
  /** Which server the operator asks. */
  readonly #operator: Chance;
  readonly #catchUpEntries: number;
  /** Servers become older again, one by one. */
  isRollingBack = false;
  /** Users whose words are being erased. */
  readonly erasing = new Set<string>();
  /** Users whose words were erased, in the order in which that was done. */
  readonly #erased: string[] = [];
  #failovers = 0;
  /** Conversations that are to keep everything from now on. */
  readonly keeping = new Set<string>();
  /** Conversations whose rows were put back behind their logs: the next message brings them up. */
  readonly behind = new Set<string>();
  #rowsWerePutBack = false;
  /** Messages of the operator's: none is like another. */
  #said = 0;

  constructor(
    seed: number,
    without: ReadonlySet<string>,
    keptLines: number,
    private readonly focus: Focus,
  ) {
    const { scheduler } = this;
    const trace = (this.trace = new Trace(() => scheduler.now, keptLines));
    const oracle = (this.oracle = new Oracle(trace));
    const chance = (this.chance = new Chance(`seed ${seed}`));
    this.#operator = chance.fork("operator");
    let hasBackups = false;
    this.groups = new Set<Group>([
      "app",
      ...FAULTS.filter((group) => {
        const drawn = chance.happens(SHARE[group] ?? 0.6);
        const has = focus.only?.includes(group) ?? drawn;
        if (group === "backup") hasBackups = has;
        return has && !without.has(group);
      }),
    ]);
    const later = new Chance(`seed ${seed} later`);
    for (const [group, share] of Object.entries(LATER) as [Group, number][]) {
      const drawn = later.happens(share) && focus.only === undefined && !hasBackups;
      if ((drawn || focus.only?.includes(group)) && !without.has(group)) this.groups.add(group);
    }
    const isBoth = new Chance(`seed ${seed} retention beside backups`).happens(0.4);
    if (hasBackups && isBoth && focus.only === undefined && !without.has("retention"))
      this.groups.add("retention");
    for (const [group, share] of Object.entries(APART) as [Group, number][]) {
      const drawn = new Chance(`seed ${seed} ${group}`).happens(share) && focus.only === undefined;
      if ((drawn || focus.only?.includes(group)) && !without.has(group)) this.groups.add(group);
    }
    const housekeeps = this.#isHousekept;
    this.#database = this.#opened(":memory:");
    if (this.groups.has("log elsewhere")) this.log = new DynamoDbTables();
    const log = this.log && { tables: this.log, weather: this.logWeather };
    // A worker of its own, so that its clock is the world's: the processes of one machine share theirs.
    const shared = new PartyClock(scheduler).runtime(new Party("registry"), chance.fork("registry"), trace);
    this.#newRegistry = chance.happens(0.5)
      ? () => inProcessRegistry(shared.clock)
      : () => sqliteRegistry(this.#database, { runtime: shared, allowVolatile: true });
    this.#registry = this.#newRegistry();
    const losesMost = this.groups.has("fanout") ? chance.pick([0, 0.1, 0.5, 0.9]) : 0;
    this.fanout = new WeakFanout(scheduler, trace, chance.fork("fan-out"), {
      loses: losesMost,
      doubles: 0,
      usual: 2,
      longest: 30,
    });
    this.network = new Network(
      scheduler,
      trace,
      chance.fork("network"),
      () => this.#route(),
      (frame, to, request) => oracle.inspect(frame, to, request),
    );
    this.#catchUpEntries = focus.catchUpEntries ?? chance.pick([5, 40, 1_000]);
    Object.assign(globalThis, { comparedConversations: focus.comparedConversations ?? 20 });
    const some = USERS.slice(0, chance.between(3, USERS.length));
    const isLarge = this.groups.has("large group");
    this.users = isLarge ? [...some, ...CROWD] : some;
    const settings: Partial<ServerSettings> = {
      heartbeatInterval: chance.pick([4_000, 25_000]),
      ...(chance.happens(0.2) && { sendQueueBytes: 12_000 }),
      ...(chance.happens(0.2) && { laneMessages: 4 }),
      ...(housekeeps && { retentionInterval: 3_000 }),
      // So that entries are pushed, and news of them, by turns.
      ...(isLarge && {
        largeGroupOnline: later.pick([1, 2, 3]),
        largeGroupRate: later.pick([1, 3]),
        largeGroupInterval: later.pick([300, 1_000]),
      }),
    };
    const watches = chance.happens(0.3);
    const servers = chance.between(2, 3);
    for (let number = 1; number <= servers; number++) {
      const node = new ServerNode(`s${number}`, {
        scheduler,
        chance: chance.fork("servers"),
        trace,
        oracle,
        network: this.network,
        fanout: this.fanout,
        settings,
        storeWeather: this.storeWeather,
        registryWeather: this.registryWeather,
        contention: this.contention,
        database: () => this.#database,
        registry: () => this.#registry,
        log,
        housekeeps,
        failsOver: this.groups.has("failover"),
        watches,
      });
      node.onCommit = () => {
        for (const other of this.servers) if (other !== node) other.otherWrote();
      };
      this.servers.push(node);
    }
    for (const userId of this.users) {
      const count = CROWD.includes(userId) ? 1 : (focus.devices ?? chance.between(1, 3));
      for (let number = 1; number <= count; number++) this.addDevice(userId, `${userId}${number}`);
    }
  }

  /** True from the first restored backup on that lacked something. */
  get hasLostHistory(): boolean {
    return this.oracle.hasLostHistory;
  }

  get database(): Database.Database {
    return this.#database;
  }

  get #isHousekept(): boolean {
    return this.groups.has("retention") || this.groups.has("erasure");
  }

  /** Lets go of the database, which holds on to the whole world by its clock. Nothing may happen in it any more. */
  close(): void {
    for (const database of [this.#database, ...this.#former]) database.close();
  }

  /** A database whose own clock is the world's. */
  #opened(contents: string | Buffer): Database.Database {
    const database = new Database(contents);
    const { scheduler } = this;
    database.function("unixepoch", { varargs: true }, () => (EPOCH + scheduler.now) / 1_000);
    return database;
  }

  /** One more device of a user. */
  addDevice(userId: string, name: string): Device {
    const { scheduler, trace, oracle, network } = this;
    const device = new Device({
      name,
      userId,
      scheduler,
      chance: this.chance.fork(`device ${name}`),
      trace,
      oracle,
      network,
      catchUpEntries: this.#catchUpEntries,
      marksUnread: this.focus.marksUnread ?? 0.03,
      isStrict: () => !this.hasLostHistory,
    });
    this.devices.push(device);
    return device;
  }

  /** An id for another group; undefined once there are enough. */
  newGroup(): string | undefined {
    return this.#groupsMade < MOST_GROUPS ? `g${++this.#groupsMade}` : undefined;
  }

  later(delay: number, run: () => void): void {
    this.scheduler.after(delay, undefined, run);
  }

  backup(): void {
    const { trace, oracle, log } = this;
    trace.note("disk", "is backed up");
    const backup = {
      database: this.#database.serialize(),
      log: log?.snapshot(),
      isLogLater: false,
      oracle: oracle.snapshot(),
    };
    this.#backup = backup;
    if (log === undefined || !this.chance.happens(0.5)) return;
    // Each store is put back by itself, the log to the same time as the rows or to a later one.
    this.later(this.chance.delay(3_000, 20_000), () => {
      if (this.#backup !== backup) return;
      trace.note("disk", "the log is backed up");
      const known = [...oracle.snapshot()].filter(([id]) => backup.oracle.has(id));
      this.#backup = { ...backup, log: log.snapshot(), isLogLater: true, oracle: new Map(known) };
    });
  }

  /** The disk is as it was at the backup; every server starts anew. */
  restore(): void {
    if (this.#backup === undefined) return;
    const { database, log, isLogLater, oracle } = this.#backup;
    void this.#noteWhatIsOwed().then(() => {
      for (const server of this.servers) server.kill();
      const gone = this.oracle.restore(oracle);
      this.trace.hit("fault backup restored");
      this.trace.note("disk", `is restored and lacks ${gone.length} entries`);
      this.owed = this.owed.filter(({ text }) => this.oracle.entryOf(text) === undefined);
      const epoch = this.#epoch();
      this.#database.close();
      this.#database = this.#opened(database);
      // A log without a row is nobody's, and its id can't be used again: the operator deletes it.
      if (log !== undefined) this.log?.restore(log, (id) => oracle.has(id));
      if (isLogLater) {
        this.trace.hit("fault rows put back behind their log");
        // What a row tells is of a history that was lost, if nothing else is.
        this.#rowsWerePutBack = this.oracle.hasLostHistory = true;
      }
      if (this.chance.happens(this.focus.renames ?? 0.3)) this.#renameHistory();
      const { ended } = this.oracle;
      // Another epoch says that this is another history: devices forget the old one, their own messages too.
      if (this.#epoch() !== epoch) {
        for (const { text } of this.owed) ended.set(text, epoch);
        this.owed = [];
      }
      // A backup from before that brings the old one back: who has not heard of its end goes on in it.
      for (const [text, of] of ended) if (of === this.#epoch()) ended.delete(text);
      this.#registry = this.#newRegistry();
      for (const server of this.servers) this.later(1_000, () => server.start());
    });
  }

  /** A standby takes over after a while, without what is committed until then. The servers run on. */
  failOver(after: number): void {
    const former = this.#database;
    const standby = former.serialize();
    const held = this.oracle.snapshot();
    const erased = this.#erased.length;
    this.later(after, () => {
      void this.#noteWhatIsOwed().then(() => {
        // It was restored meanwhile, or another one has taken over.
        if (this.#database !== former) return;
        if (this.log === undefined) this.#lose(held);
        else this.#putRowsBack();
        this.#former.push(former);
        this.#database = this.#opened(standby);
        this.#backup = undefined;
        this.#failovers++;
        for (const userId of this.#erased.splice(erased)) this.erase(userId);
      });
    });
  }

  #lose(held: OracleSnapshot): void {
    const gone = this.oracle.failOver(held);
    this.trace.hit(gone.length > 0 ? "fault failover with loss" : "fault failover");
    this.trace.note("disk", `is another one, which lacks ${gone.length} entries`);
    this.owed = this.owed.filter(({ text }) => this.oracle.entryOf(text) === undefined);
  }

  /** The log lies elsewhere, and has lost nothing. */
  #putRowsBack(): void {
    this.trace.hit("fault failover of rows beside a log");
    this.trace.note("disk", "is another one, whose rows are behind their log");
    this.oracle.rowsFailedOver();
    this.#rowsWerePutBack = true;
    this.owed = [];
  }

  /** The operator says that this is another history: devices forget the old one. */
  #renameHistory(): void {
    this.trace.hit("fault epoch reset");
    this.#database.prepare("UPDATE chat_store SET epoch = ?").run(newUuid(this.chance));
  }

  #epoch(): string {
    return this.#database.prepare("SELECT epoch FROM chat_store").pluck().get() as string;
  }

  /** The operator says how long a conversation keeps its entries, or that it keeps all. */
  setRetention(conversationId: string, retention: Partial<Retention> | undefined): void {
    this.trace.note("world", `sets the retention of ${conversationId} to ${JSON.stringify(retention)}`);
    this.#anyServer()
      ?.setRetention(conversationId, retention)
      .catch(() => {});
  }

  /** The operator has a user's words erased, and asks again until that is done. */
  erase(userId: string): void {
    this.erasing.add(userId);
    const again = (): void => this.later(2_000, () => this.erase(userId));
    const chat = this.#anyServer();
    if (chat === undefined) return again();
    this.trace.note("world", `has the words of ${userId} erased`);
    const failovers = this.#failovers;
    chat.eraseUser(userId).then(() => {
      // A part of it may be lost.
      if (failovers !== this.#failovers) return again();
      this.trace.hit("an erasure is done");
      this.trace.note("world", `the words of ${userId} are erased`);
      this.erasing.delete(userId);
      this.#erased.push(userId);
    }, again);
  }

  /** From here on everything is kept, and what was begun is gone on with, also where the server that was asked is gone. */
  endHousekeeping(): void {
    if (this.#failovers > 0) this.#deleteLogsWithoutRow();
    for (const id of this.oracle.logs.keys()) {
      if (this.groups.has("retention")) this.#insist(this.keeping, id, (chat) => chat.setRetention(id, {}));
      if (!this.#rowsWerePutBack) continue;
      this.#insist(this.behind, id, (chat) => chat.system.send(id, `operator#${++this.#said}`));
    }
    for (const userId of this.erasing) this.erase(userId);
  }

  /** Of a conversation that was made shortly before a failover the log may be left alone, and is nobody's then. */
  #deleteLogsWithoutRow(): void {
    const { log, oracle } = this;
    if (log === undefined) return;
    const rows = new Set(
      this.#database.prepare("SELECT id FROM chat_conversation").pluck().all() as string[],
    );
    log.restore(log.snapshot(), (id) => rows.has(id));
    for (const id of oracle.logs.keys()) if (!rows.has(id)) oracle.forget(id);
  }

  /** Has the operator do something for a conversation until it is done. @param open those for which it is not */
  #insist(open: Set<string>, id: string, act: (chat: ChatServer) => Promise<unknown>): void {
    open.add(id);
    const again = (): void => this.later(2_000, () => this.#insist(open, id, act));
    const chat = this.#anyServer();
    if (chat === undefined) return again();
    act(chat).then(() => open.delete(id), again);
  }

  #anyServer(): ChatServer | undefined {
    const running = this.servers.flatMap(({ chat }) => chat ?? []);
    return running.length > 0 ? this.#operator.pick(running) : undefined;
  }

  /** What a device had will not come back. */
  wiped(device: Device): void {
    this.owed = this.owed.filter((owed) => owed.device !== device);
  }

  /** What came back and was kept no more then is not owed another time. */
  #isDeleted(text: string): boolean {
    const entry = this.oracle.entryOf(text);
    return entry !== undefined && entry.messageId < this.oracle.firstId(entry.conversationId);
  }

  async #noteWhatIsOwed(): Promise<void> {
    this.owed = this.owed.filter(({ text }) => !this.#isDeleted(text));
    for (const device of this.devices) {
      if (device.disk.broken) continue;
      for (const text of await device.disk.ownTexts(true)) {
        // What is lost already, the operator's reset of the history included, is nobody's debt any more; nor what was deleted.
        const entry = this.oracle.entryOf(text);
        if (entry === undefined || this.#isDeleted(text)) continue;
        this.owed.push({ text, device, messageId: entry.messageId });
      }
    }
  }

  /** Where a new connection goes: to any server, also one that is not there. */
  #route(): ServerEnd | undefined {
    return this.network.chance.pick(this.servers).end;
  }
}
