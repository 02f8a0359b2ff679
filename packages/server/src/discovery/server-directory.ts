import { type Cancel, ChatError, isChatError, type Runtime } from "@chat/protocol";
import { inTime } from "../in-time.js";
import type { AnnouncedServer, Discovery } from "./discovery.js";

/** Announcements that may fail one after the other before this server counts as gone. */
const LEASE_INTERVALS = 5;
/** How long the discovery may take to answer, ms. */
const DEADLINE = 3_000;
/** Servers in one recommendation: the best one, and where to go if that can't be reached. */
const RECOMMENDED = 3;

/** What a directory is made of. */
export interface ServerDirectoryOptions {
  readonly runtime: Runtime;
  /** Absent: no server is known. */
  readonly discovery?: Discovery;
  readonly serverId: string;
  /** Absent: this server is announced to nobody. */
  readonly url?: string;
  readonly region?: string;
  /** ms between two announcements. */
  readonly interval: number;
  /** The most connections that this server takes. */
  readonly capacity: number;
  /** Those that it has. */
  connections(): number;
}

/** Announces this server, and recommends the best of all that are announced. */
export class ServerDirectory {
  readonly #options: ServerDirectoryOptions;
  readonly #url: string | undefined;
  /** Whom devices were sent to since the last round, and in the one before it: announcements do not show these yet. */
  #sent = new Map<string, number>();
  #sentBefore = new Map<string, number>();
  #reading: Promise<readonly AnnouncedServer[]> | undefined;
  /** The announcement under way: a later one must not be overtaken by it. */
  #announcing: Promise<void> = Promise.resolve();
  #begun = false;
  #draining = false;
  #isKnown = true;
  #cancel: Cancel = () => {};

  /** @throws ChatError `invalid_argument` for a URL that is none */
  constructor(options: ServerDirectoryOptions) {
    this.#options = options;
    this.#url = options.url === undefined ? undefined : webSocketUrl(options.url);
  }

  /** Begins to announce this server. That the discovery is away ends nothing: devices then go where the application says. */
  begin(): void {
    if (this.#options.discovery === undefined || this.#draining) return;
    this.#begun = true;
    void this.#round();
  }

  /** From now on nobody is sent here. Resolves when the others know, or can't be told. */
  async drain(): Promise<void> {
    this.#draining = true;
    this.#cancel();
    if (this.#begun) await this.#announce();
  }

  /** Takes this server out, and lets go of the discovery. */
  async leave(): Promise<void> {
    const { discovery, serverId } = this.#options;
    if (discovery === undefined) return;
    if (this.#begun && this.#url !== undefined) await this.#told(() => discovery.withdraw(serverId));
    await this.#told(() => discovery.close());
  }

  /**
   * The servers to connect to, the best one first: of the region, by default this server's own, before others; with the fewest connections for
   * what they take.
   * @throws ChatError `store_unavailable`
   */
  async recommend(region = this.#options.region): Promise<readonly AnnouncedServer[]> {
    const load = ({ serverId, connections, capacity }: AnnouncedServer): number =>
      (connections + (this.#sent.get(serverId) ?? 0) + (this.#sentBefore.get(serverId) ?? 0)) / capacity;
    const isElsewhere = (server: AnnouncedServer): number => (server.region === region ? 0 : 1);
    const servers = (await this.#list())
      .filter((server) => !server.draining && server.connections < server.capacity)
      .sort((a, b) => isElsewhere(a) - isElsewhere(b) || load(a) - load(b))
      .slice(0, RECOMMENDED);
    const [best] = servers;
    if (best !== undefined) this.#sent.set(best.serverId, (this.#sent.get(best.serverId) ?? 0) + 1);
    return servers;
  }

  async #list(): Promise<readonly AnnouncedServer[]> {
    const { discovery } = this.#options;
    if (discovery === undefined) return [];
    // Those who ask at the same time share a read.
    this.#reading ??= this.#inTime(discovery.list()).finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  async #round(): Promise<void> {
    const { runtime, interval } = this.#options;
    this.#sentBefore = this.#sent;
    this.#sent = new Map();
    await this.#announce();
    if (!this.#draining) this.#cancel = runtime.clock.schedule(interval, () => void this.#round());
  }

  #announce(): Promise<void> {
    this.#announcing = this.#announcing.then(() => this.#announceNow());
    return this.#announcing;
  }

  async #announceNow(): Promise<void> {
    const { discovery, serverId, region, interval, capacity, connections } = this.#options;
    const url = this.#url;
    if (discovery === undefined || url === undefined) return;
    const server = {
      serverId,
      url,
      ...(region !== undefined && { region }),
      connections: connections(),
      capacity,
      draining: this.#draining,
    };
    await this.#told(() => discovery.announce(server, interval * LEASE_INTERVALS));
  }

  /** Runs what is tried again with the next round. */
  async #told(work: () => Promise<void>): Promise<void> {
    const { log } = this.#options.runtime;
    try {
      await this.#inTime(work());
      if (!this.#isKnown) log("info", "discovery_back", {});
      this.#isKnown = true;
    } catch (error) {
      const code = isChatError(error) ? error.code : "internal";
      if (this.#isKnown) log("warn", "discovery_failed", { code });
      this.#isKnown = false;
    }
  }

  #inTime<T>(work: Promise<T>): Promise<T> {
    const late = (): ChatError => new ChatError("store_unavailable", "The discovery does not answer.");
    return inTime(this.#options.runtime.clock, DEADLINE, late, work);
  }
}

/** @throws ChatError `invalid_argument` */
function webSocketUrl(text: string): string {
  if (URL.canParse(text)) {
    const url = new URL(text);
    url.protocol = url.protocol.replace(/^http/, "ws");
    if (/^wss?:$/.test(url.protocol)) return url.href;
  }
  throw new ChatError("invalid_argument", `url must be an absolute ws, wss, http or https URL: ${text}`);
}
