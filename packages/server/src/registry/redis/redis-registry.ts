import { ChatError } from "@chat/protocol";
import type { RedisConnection } from "../../fanout/redis/redis-connection.js";
import type { ConversationStore } from "../../store/conversation-store.js";
import { leaseRanOut } from "../in-process-registry.js";
import type { Registry, ServerIdentity, SessionRecord } from "../registry.js";
import { REGISTRY_SCRIPTS, type RegistryScript } from "./redis-registry-scripts.js";

/** Conversations of a user in one read, and in one script. */
const PAGE = 1_000;

/** Settings of {@link redisRegistry}. */
export interface RedisRegistryOptions {
  /** What the names of keys begin with; the same on all servers of one chat. `chat` by default. */
  readonly prefix?: string;
  /**
   * The store's conversations, `store.conversations`: Redis then keeps the servers of each conversation, so that a message is published to
   * those alone that hold members of it. The same on all servers of one chat. See docs/backends/redis.md for what it costs.
   */
  readonly conversations?: Pick<ConversationStore, "memberOf">;
}

/**
 * The registry in Redis. By itself it knows nothing of memberships, so that `serversOf` names every live server that holds any session; with
 * `conversations` those that hold members. When Redis loses it, each server joins again and registers its sessions with its next renewal.
 * @param connection `nodeRedis(client)` or `ioredis(client)`
 */
export function redisRegistry(connection: RedisConnection, options: RedisRegistryOptions = {}): Registry {
  return new RedisRegistry(connection, options);
}

/** For what concerns no server. */
const NOBODY: ServerIdentity = { serverId: "", incarnation: "" };

class RedisRegistry implements Registry {
  readonly #connection: RedisConnection;
  readonly #tag: string;
  readonly #conversations: Pick<ConversationStore, "memberOf"> | undefined;

  constructor(connection: RedisConnection, { prefix = "chat", conversations }: RedisRegistryOptions) {
    this.#connection = connection;
    this.#tag = `{${prefix}}`;
    this.#conversations = conversations;
  }

  async join(server: ServerIdentity, lease: number): Promise<void> {
    await this.#run("join", server, String(lease));
  }

  async renew(server: ServerIdentity): Promise<boolean> {
    return Number(await this.#run("renew", server)) === 1;
  }

  async leave(server: ServerIdentity): Promise<void> {
    await this.#run("leave", server);
  }

  async register(server: ServerIdentity, { userId, connectionId }: SessionRecord): Promise<void> {
    if (Number(await this.#run("register", server, userId, connectionId)) !== 1) throw leaseRanOut();
    // After the session is known: who becomes a member from now on is marked by whoever stores that.
    let page: string | undefined;
    do {
      const read = await this.#conversations?.memberOf(userId, {
        limit: PAGE,
        ...(page !== undefined && { page }),
      });
      const ids = read?.items.map(({ conversationId }) => conversationId) ?? [];
      if (ids.length > 0) {
        const marked = await this.#run("mark", server, userId, connectionId, ...ids);
        if (Number(marked) !== 1) throw leaseRanOut();
      }
      page = read?.next;
    } while (page !== undefined);
  }

  async unregister(server: ServerIdentity, { userId, connectionId }: SessionRecord): Promise<void> {
    await this.#run("unregister", server, userId, connectionId);
  }

  async joined(conversationId: string, userIds: readonly string[]): Promise<void> {
    if (this.#conversations === undefined) return;
    for (let at = 0; at < userIds.length; at += PAGE) {
      await this.#run("joined", NOBODY, conversationId, ...userIds.slice(at, at + PAGE));
    }
  }

  serversOf(conversationId: string): Promise<readonly string[]> {
    return this.#conversations === undefined
      ? this.#list("holding")
      : this.#list("serversOf", conversationId);
  }

  servers(): Promise<readonly string[]> {
    return this.#list("servers");
  }

  async #list(script: RegistryScript, ...rest: readonly string[]): Promise<readonly string[]> {
    return ((await this.#run(script, NOBODY, ...rest)) as unknown[]).map(String);
  }

  async #run(
    script: RegistryScript,
    { serverId, incarnation }: ServerIdentity,
    ...rest: readonly string[]
  ): Promise<unknown> {
    try {
      // One key, so that a cluster finds the node; the others have the same tag.
      const args = ["1", `${this.#tag}:leases`, this.#tag, serverId, incarnation, ...rest];
      const { source, sha } = REGISTRY_SCRIPTS[script];
      return await this.#connection.command(["EVALSHA", sha, ...args]).catch((error: unknown) => {
        // A Redis that was restarted knows no scripts.
        if (!(error instanceof Error) || !error.message.startsWith("NOSCRIPT")) throw error;
        return this.#connection.command(["EVAL", source, ...args]);
      });
    } catch (cause) {
      throw new ChatError("store_unavailable", "The registry in Redis does not answer.", { cause });
    }
  }
}
