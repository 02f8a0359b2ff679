import type { Runtime } from "@chat/protocol";
import { loggableError } from "../admission/loggable-error.js";
import { encodeEnvelope } from "../delivery/envelope.js";
import type { Fanout } from "../fanout/fanout.js";
import type { Registry } from "../registry/registry.js";

/** ms for which the servers of a conversation are taken to be known. */
const KNOWN_FOR = 100;

/** The servers of one conversation, as they were looked up. */
interface Known {
  readonly servers: Promise<readonly string[]>;
  /** The head that was told without looking again. */
  head: number | undefined;
}

/** What is told of a conversation. */
export interface Announcement {
  readonly conversationId: string;
  readonly encoded: () => Uint8Array;
  /** Of entries: where they lead to. Absent for anything else. */
  readonly head?: number;
  /** Who became a member by them. */
  readonly joined?: readonly string[];
}

/**
 * Tells the other servers that hold sessions of a conversation's members. Where many messages come, they are looked up ten times a second and
 * not for each commit: who has come in between hears of the head then, and reads what is missing.
 */
export class Announcer {
  readonly #runtime: Pick<Runtime, "clock" | "log">;
  readonly #registry: Pick<Registry, "joined" | "serversOf">;
  readonly #fanout: Pick<Fanout, "publish">;
  readonly #serverId: string;
  readonly #known = new Map<string, Known>();

  /** @param serverId this server's own, which is told nothing */
  constructor(
    runtime: Pick<Runtime, "clock" | "log">,
    registry: Pick<Registry, "joined" | "serversOf">,
    fanout: Pick<Fanout, "publish">,
    serverId: string,
  ) {
    this.#runtime = runtime;
    this.#registry = registry;
    this.#fanout = fanout;
    this.#serverId = serverId;
  }

  /** Never rejects: what can't be told, the change feed brings. */
  async announce({ conversationId, encoded, head, joined = [] }: Announcement): Promise<void> {
    try {
      if (joined.length > 0) {
        await this.#registry.joined?.(conversationId, joined);
        this.#known.delete(conversationId);
      }
      const servers = await this.#serversFor(conversationId, head);
      if (servers.length > 0) this.#fanout.publish(servers, encoded());
    } catch (error) {
      this.#failed(conversationId, error);
    }
  }

  /** Looks nothing up any more. */
  close(): void {
    this.#known.clear();
  }

  #serversFor(conversationId: string, head: number | undefined): Promise<readonly string[]> {
    // Of anything but entries, who has come in between would not hear any more.
    if (head === undefined) return this.#othersOf(conversationId);
    const known = this.#known.get(conversationId);
    if (known === undefined) return this.#lookUp(conversationId).servers;
    known.head = Math.max(known.head ?? 0, head);
    return known.servers;
  }

  async #othersOf(conversationId: string): Promise<readonly string[]> {
    return (await this.#registry.serversOf(conversationId)).filter((id) => id !== this.#serverId);
  }

  #lookUp(conversationId: string): Known {
    const servers = this.#othersOf(conversationId);
    const known: Known = { servers, head: undefined };
    this.#known.set(conversationId, known);
    this.#runtime.clock.schedule(KNOWN_FOR, () => void this.#lookAgain(conversationId, known));
    servers.catch(() => this.#forget(conversationId, known));
    return known;
  }

  #forget(conversationId: string, known: Known): boolean {
    return this.#known.get(conversationId) === known && this.#known.delete(conversationId);
  }

  async #lookAgain(conversationId: string, known: Known): Promise<void> {
    const { head } = known;
    if (!this.#forget(conversationId, known) || head === undefined) return;
    try {
      const [told, now] = await Promise.all([known.servers, this.#lookUp(conversationId).servers]);
      const missed = now.filter((id) => !told.includes(id));
      if (missed.length > 0) {
        this.#fanout.publish(missed, encodeEnvelope({ conversationId, head, entries: [] }));
      }
    } catch (error) {
      this.#failed(conversationId, error);
    }
  }

  #failed(conversationId: string, error: unknown): void {
    this.#runtime.log("warn", "announce_failed", { conversationId, ...loggableError(error) });
  }
}
