import { ChatError } from "@chat/protocol";
import type { Registry, ServerIdentity, SessionRecord } from "../../src/registry/registry.js";

const NAMES = "names the servers that hold sessions of a conversation's members, to every server";
const ONCE = "records a session once, however often it is registered";
const CONNECTION = "removes the record of this very connection only";
const OTHERS = "keeps what other servers hold of the same user and device";
const ALIKE = "tells servers apart whose ids are alike, and names them as they are";
const GONE = "counts a server as gone when its lease has run out";
const FENCES = "fences off what an earlier run of a server left";
const AGAIN = "joins again without losing its sessions while the lease runs";
const LEASES = "leases for as long as each server asked";
const LEAVES = "forgets a server that leaves";
const LIVE = "names every live server, with sessions or without";
const NEVER = "refuses sessions of a server that never joined";

/** What authors of registries get wrong, and the case of the suite that says so. */
export const PLANTED = {
  "knows its own servers only": NAMES,
  "resolves before others see the session": NAMES,
  "names servers without sessions": NAMES,
  "names one server": NAMES,
  "counts registrations": ONCE,
  "removes a device": CONNECTION,
  "removes a user": CONNECTION,
  "removes anything": CONNECTION,
  "keeps one server for a user": OTHERS,
  "keeps one server for a device": OTHERS,
  "removes a device everywhere": OTHERS,
  "takes ids in lower case": ALIKE,
  "cuts ids at a colon": ALIKE,
  "names servers whose lease has run out": GONE,
  "renews what has run out": GONE,
  "registers for what has run out": GONE,
  "keeps records of a lease that has run out": GONE,
  "renews nothing": GONE,
  "renews everybody": GONE,
  "renews for any run": FENCES,
  "registers for any run": FENCES,
  "leaves for any run": FENCES,
  "unregisters all of a server": FENCES,
  "keeps records of an earlier run": FENCES,
  "keeps the first run": FENCES,
  "begins anew with each join": AGAIN,
  "does not begin the lease anew": AGAIN,
  "takes no notice of the lease that is asked for": LEASES,
  "renews by another lease": LEASES,
  "leaves records behind": LEAVES,
  "leaves once only": LEAVES,
  "leaves with everybody": LEAVES,
  "registers for who has left": LEAVES,
  "counts who holds sessions": LIVE,
  "counts who has run out": LIVE,
  "joins by itself": NEVER,
  "asks for members once": "follows the members as they come and go",
} as const;

export type Defect = keyof typeof PLANTED;

interface Run {
  incarnation: string;
  lease: number;
  expires: number;
  owner: PlantedRegistry;
}

/** What a registry's database holds. */
export class PlantedTables {
  now = 0;
  readonly members = new Map<string, readonly string[]>();
  readonly servers = new Map<string, Run>();
  /** By connection, or as often as it was registered. */
  sessions: { readonly serverId: string; readonly session: SessionRecord }[] = [];
  readonly asked = new Map<string, readonly string[]>();
}

const LEASE = 30_000;

/** A registry that knows memberships and keeps the contract, but for one defect. */
export class PlantedRegistry implements Registry {
  readonly #tables: PlantedTables;
  readonly #defect: Defect | undefined;

  constructor(tables: PlantedTables, defect?: Defect) {
    this.#tables = tables;
    this.#defect = defect;
  }

  async join({ serverId, incarnation }: ServerIdentity, lease: number): Promise<void> {
    const { servers, now } = this.#tables;
    const id = this.#nameOf(serverId);
    const there = servers.get(id);
    const isLive = there !== undefined && there.expires > now && !this.#has("begins anew with each join");
    const isSame = isLive && there.incarnation === incarnation;
    if (isLive && this.#has("keeps the first run")) return;
    if (isSame && this.#has("does not begin the lease anew")) return;
    const keeps =
      isSame ||
      (there?.incarnation === incarnation && this.#has("keeps records of a lease that has run out")) ||
      (there === undefined && this.#has("leaves records behind")) ||
      (there !== undefined &&
        there.incarnation !== incarnation &&
        this.#has("keeps records of an earlier run"));
    if (!keeps) this.#remove((record) => record.serverId === id);
    const taken = this.#has("takes no notice of the lease that is asked for") ? LEASE : lease;
    servers.set(id, { incarnation, lease: taken, expires: now + taken, owner: this });
  }

  async renew(server: ServerIdentity): Promise<boolean> {
    const run = this.#runOf(server, "renews for any run", "renews what has run out");
    if (run === undefined) return false;
    const { now, servers } = this.#tables;
    const runs = this.#has("renews everybody") ? servers.values() : [run];
    const lease = this.#has("renews by another lease") ? LEASE : run.lease;
    if (!this.#has("renews nothing")) for (const each of runs) each.expires = now + lease;
    return true;
  }

  async leave(server: ServerIdentity): Promise<void> {
    const { servers } = this.#tables;
    const id = this.#nameOf(server.serverId);
    const run = servers.get(id);
    if (run === undefined && this.#has("leaves once only")) throw new Error("It is not there.");
    if (run?.incarnation !== server.incarnation && !this.#has("leaves for any run")) return;
    if (this.#has("leaves with everybody")) servers.clear();
    servers.delete(id);
    if (!this.#has("leaves records behind")) this.#remove((record) => record.serverId === id);
  }

  async register(server: ServerIdentity, session: SessionRecord): Promise<void> {
    const serverId = this.#nameOf(server.serverId);
    const hasLeft = !this.#tables.servers.has(serverId);
    if (hasLeft && this.#has("joins by itself")) await this.join(server, LEASE);
    const run = this.#runOf(server, "registers for any run", "registers for what has run out");
    if (run === undefined && !(hasLeft && this.#has("registers for who has left")))
      throw new ChatError("store_unavailable", "This server's lease has run out.");
    const isSame = (record: { readonly serverId: string; readonly session: SessionRecord }): boolean =>
      (record.serverId === serverId && record.session.connectionId === session.connectionId) ||
      (record.session.userId === session.userId && this.#has("keeps one server for a user")) ||
      (record.session.deviceId === session.deviceId && this.#has("keeps one server for a device"));
    const write = (): void => {
      if (!this.#has("counts registrations")) this.#remove(isSame);
      this.#tables.sessions.push({ serverId, session });
    };
    if (this.#has("resolves before others see the session")) setTimeout(write, 50);
    else write();
  }

  async unregister(server: ServerIdentity, session: SessionRecord): Promise<void> {
    const serverId = this.#nameOf(server.serverId);
    let isDone = false;
    this.#remove((record) => {
      if (record.session.deviceId === session.deviceId && this.#has("removes a device everywhere"))
        return true;
      if (record.serverId !== serverId) return false;
      if (this.#has("unregisters all of a server") && this.#runOf(server) === undefined) return true;
      if (this.#has("removes a device")) return record.session.deviceId === session.deviceId;
      if (this.#has("removes a user")) return record.session.userId === session.userId;
      if (this.#has("removes anything") && !isDone) return (isDone = true);
      if (isDone || record.session.connectionId !== session.connectionId) return false;
      return this.#has("counts registrations") ? (isDone = true) : true;
    });
  }

  async serversOf(conversationId: string): Promise<readonly string[]> {
    const { sessions, members, servers, now, asked } = this.#tables;
    const known = asked.get(conversationId) ?? members.get(conversationId) ?? [];
    if (this.#has("asks for members once")) asked.set(conversationId, known);
    const live = [...servers].filter(
      ([, { expires, owner }]) =>
        (expires > now || this.#has("names servers whose lease has run out")) &&
        (owner === this || !this.#has("knows its own servers only")),
    );
    const found = live
      .map(([id]) => id)
      .filter(
        (id) =>
          this.#has("names servers without sessions") ||
          sessions.some(({ serverId, session }) => serverId === id && known.includes(session.userId)),
      );
    return this.#has("names one server") ? found.slice(0, 1) : found;
  }

  async servers(): Promise<readonly string[]> {
    const { servers, sessions, now } = this.#tables;
    return [...servers]
      .filter(([, { expires }]) => expires > now || this.#has("counts who has run out"))
      .map(([id]) => id)
      .filter(
        (id) => !this.#has("counts who holds sessions") || sessions.some(({ serverId }) => serverId === id),
      );
  }

  #runOf({ serverId, incarnation }: ServerIdentity, ofAnyRun?: Defect, runOut?: Defect): Run | undefined {
    const run = this.#tables.servers.get(this.#nameOf(serverId));
    if (run === undefined) return undefined;
    const isOwn = run.incarnation === incarnation || (ofAnyRun !== undefined && this.#has(ofAnyRun));
    const isLive = run.expires > this.#tables.now || (runOut !== undefined && this.#has(runOut));
    return isOwn && isLive ? run : undefined;
  }

  #remove(isIt: (record: { readonly serverId: string; readonly session: SessionRecord }) => boolean): void {
    this.#tables.sessions = this.#tables.sessions.filter((record) => !isIt(record));
  }

  #nameOf(serverId: string): string {
    if (this.#has("takes ids in lower case")) return serverId.toLowerCase();
    return this.#has("cuts ids at a colon") ? serverId.split(":")[0]! : serverId;
  }

  #has(defect: Defect): boolean {
    return this.#defect === defect;
  }
}
