import { ChatError } from "@chat/protocol";
import type { AnnouncedServer, Discovery } from "../../src/discovery/discovery.js";

const SHOWS = "shows every announced server to everybody, as it was announced";
const NEWEST = "keeps the newest announcement of a server only";
const WITHDRAWS = "takes out a server that withdraws, and no other";
const KILLED = "forgets a server that was killed, and takes it back when it starts again";
const HANDS_OVER = "hands a server over to its next run before the lease of the killed one is over";
const MANY = "takes announcements of many servers at once";
const AWAY = "refuses while the engine is away, and goes on when it is back";

/** What authors of discoveries get wrong, and the case of the suite that says so. */
export const PLANTED = {
  "loses the region": SHOWS,
  "loses who is going away": SHOWS,
  "hides who is going away": SHOWS,
  "takes no connections for none": SHOWS,
  "names regions that are none": SHOWS,
  "shows its own only": SHOWS,
  "hides its own": SHOWS,
  "resolves before others see it": SHOWS,
  "takes ids in lower case": SHOWS,
  "cuts ids at a slash": SHOWS,
  "keeps every announcement": NEWEST,
  "keeps the first announcement": NEWEST,
  "keeps what is no longer said": NEWEST,
  "lists from memory": NEWEST,
  "withdraws all of its own": WITHDRAWS,
  "withdraws everybody": WITHDRAWS,
  "withdraws for itself alone": WITHDRAWS,
  "withdraws once only": WITHDRAWS,
  "withdraws for ever": WITHDRAWS,
  "lists who was killed": KILLED,
  "forgets everybody with one": KILLED,
  "ends what its next run announced": HANDS_OVER,
  "keeps all in one value": MANY,
  "answers with an error of its own": AWAY,
  "lists nobody while the engine is away": AWAY,
  "takes announcements while the engine is away": AWAY,
  "withdraws nothing while the engine is away": AWAY,
  "announces by itself who has withdrawn": AWAY,
  "gives up for good": AWAY,
  "gives up before it has begun": "can be made while the engine is away",
} as const;

export type Defect = keyof typeof PLANTED;

interface Announcement {
  readonly server: AnnouncedServer;
  readonly by: PlantedDiscovery;
}

/** What a discovery's database holds; who announced lives until the process is killed. */
export class PlantedDirectory {
  announcements: Announcement[] = [];
  readonly ends = new Set<PlantedDiscovery>();
  isUp = true;

  kill(discovery: PlantedDiscovery): void {
    if (discovery.defect === "lists who was killed") return;
    const isGone = ({ server, by }: Announcement): boolean =>
      discovery.defect === "forgets everybody with one" ||
      (discovery.defect === "ends what its next run announced"
        ? this.announcements.some((other) => other.by === discovery) || discovery.own.has(server.serverId)
        : by === discovery);
    this.announcements = this.announcements.filter((each) => !isGone(each));
  }

  end(): void {
    this.isUp = true;
    this.announcements = [];
    for (const end of this.ends) end.back();
  }
}

/** A discovery that keeps the contract, but for one defect. */
export class PlantedDiscovery implements Discovery {
  readonly own = new Map<string, AnnouncedServer>();
  readonly #directory: PlantedDirectory;
  readonly defect: Defect | undefined;
  readonly #withdrawn = new Set<string>();
  #listed: readonly AnnouncedServer[] | undefined;
  #isLost = false;

  constructor(directory: PlantedDirectory, defect?: Defect) {
    this.#directory = directory;
    this.defect = defect;
    directory.ends.add(this);
    this.#isLost = !directory.isUp && this.#has("gives up before it has begun");
  }

  async announce(announced: AnnouncedServer): Promise<void> {
    if (!this.#directory.isUp && this.#has("takes announcements while the engine is away")) return;
    this.#reach();
    const server = this.#said(announced);
    const { serverId } = server;
    this.own.set(serverId, server);
    if (this.#has("withdraws for ever") && this.#withdrawn.has(serverId)) return;
    const before = this.#directory.announcements;
    const there = before.find((each) => each.server.serverId === serverId);
    if (there !== undefined && this.#has("keeps the first announcement")) return;
    if (this.#has("keeps all in one value")) await Promise.resolve();
    const merged = this.#has("keeps what is no longer said") ? { ...there?.server, ...server } : server;
    const write = (): void => {
      const base = this.#has("keeps all in one value") ? before : this.#directory.announcements;
      const others = this.#has("keeps every announcement")
        ? base
        : base.filter((each) => each.server.serverId !== serverId);
      this.#directory.announcements = [...others, { server: merged, by: this }];
    };
    if (this.#has("resolves before others see it")) setTimeout(write, 50);
    else write();
  }

  async withdraw(id: string): Promise<void> {
    if (!this.#directory.isUp && this.#has("withdraws nothing while the engine is away")) return;
    this.#reach();
    const serverId = this.#nameOf(id);
    if (!this.own.has(serverId) && this.#has("withdraws once only")) throw new Error("It is not there.");
    if (!this.#has("announces by itself who has withdrawn")) this.own.delete(serverId);
    this.#withdrawn.add(serverId);
    if (this.#has("withdraws for itself alone")) return;
    this.#directory.announcements = this.#directory.announcements.filter(
      ({ server, by }) =>
        server.serverId !== serverId &&
        !(by === this && this.#has("withdraws all of its own")) &&
        !this.#has("withdraws everybody"),
    );
  }

  async list(): Promise<readonly AnnouncedServer[]> {
    if (!this.#directory.isUp && this.#has("lists nobody while the engine is away")) return [];
    this.#reach();
    if (this.#listed !== undefined && this.#has("lists from memory")) return this.#listed;
    this.#listed = this.#directory.announcements
      .filter(
        ({ server, by }) =>
          !(by !== this && this.#has("shows its own only")) &&
          !(by === this && this.#has("hides its own")) &&
          !(server.draining && this.#has("hides who is going away")),
      )
      .map(({ server }) => server);
    return this.#listed;
  }

  async close(): Promise<void> {
    this.#directory.ends.delete(this);
  }

  /** The engine is there again, empty. */
  back(): void {
    if (!this.#has("announces by itself who has withdrawn")) return;
    this.#directory.announcements = [...this.own.values()].map((server) => ({ server, by: this }));
  }

  /** @throws if the engine is away */
  #reach(): void {
    if (this.#directory.isUp && !this.#isLost) return;
    if (this.#has("gives up for good")) this.#isLost = true;
    if (this.#has("answers with an error of its own")) throw new Error("ECONNREFUSED");
    throw new ChatError("store_unavailable", "The directory is away.");
  }

  #said(server: AnnouncedServer): AnnouncedServer {
    const { region, ...rest } = server;
    const serverId = this.#nameOf(server.serverId);
    if (this.#has("loses the region")) return rest;
    if (this.#has("names regions that are none")) return { ...server, region: region ?? "" };
    if (this.#has("loses who is going away")) return { ...server, draining: false };
    if (this.#has("takes no connections for none"))
      return { ...server, connections: server.connections || 1 };
    return { ...server, serverId };
  }

  #nameOf(serverId: string): string {
    if (this.#has("takes ids in lower case")) return serverId.toLowerCase();
    return this.#has("cuts ids at a slash") ? serverId.split("/").pop()! : serverId;
  }

  #has(defect: Defect): boolean {
    return this.defect === defect;
  }
}
