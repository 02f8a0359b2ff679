import type { Runtime } from "@chat/protocol";
import { preparedOnce } from "../../store/sql/prepared-once.js";
import type { SqlValue } from "../../store/sql/sql-engine.js";
import { leaseRanOut } from "../in-process-registry.js";
import type { Registry, ServerIdentity, SessionRecord } from "../registry.js";

/** In a larger conversation nobody is looked for: it has members wherever anybody is. */
export const SMALL_CONVERSATION = 500;

/** What the registry asks a SQL server. */
export type RegistryQuery = "join" | "renew" | "leave" | "register" | "unregister" | "servers" | "serversOf";

/** A SQL server as the registry needs it. */
export interface RegistryEngine<Text> {
  /** Connects to the server and its tables, which are made where there are none. */
  attach(runtime: Runtime): Promise<void>;
  /** Runs one statement that does no harm when it is run twice. */
  statement<Row>(name: string, text: Text, values: readonly SqlValue[]): Promise<Row[]>;
}

/** The registry beside the store on a SQL server: the same for all of them but for their statements. */
export class SqlRegistry<Text> implements Registry {
  readonly #engine: RegistryEngine<Text>;
  readonly #queries: Readonly<Record<RegistryQuery, Text>>;
  readonly #prepared: () => Promise<void>;

  /** @param queries `renew` and `register` answer with a row if the lease holds */
  constructor(
    engine: RegistryEngine<Text>,
    queries: Readonly<Record<RegistryQuery, Text>>,
    runtime: Runtime,
  ) {
    this.#engine = engine;
    this.#queries = queries;
    this.#prepared = preparedOnce(() => engine.attach(runtime));
  }

  async join({ serverId, incarnation }: ServerIdentity, lease: number): Promise<void> {
    await this.#run("join", [serverId, incarnation, lease]);
  }

  async renew({ serverId, incarnation }: ServerIdentity): Promise<boolean> {
    return (await this.#run("renew", [serverId, incarnation])).length > 0;
  }

  async leave({ serverId, incarnation }: ServerIdentity): Promise<void> {
    await this.#run("leave", [serverId, incarnation]);
  }

  async register(server: ServerIdentity, session: SessionRecord): Promise<void> {
    const { userId, deviceId, connectionId } = session;
    const values = [server.serverId, server.incarnation, userId, deviceId, connectionId];
    if ((await this.#run("register", values)).length === 0) throw leaseRanOut();
  }

  async unregister({ serverId }: ServerIdentity, { userId, connectionId }: SessionRecord): Promise<void> {
    await this.#run("unregister", [serverId, userId, connectionId]);
  }

  async serversOf(conversationId: string): Promise<readonly string[]> {
    return (await this.#run("serversOf", [conversationId])).map(({ id }) => id);
  }

  async servers(): Promise<readonly string[]> {
    return (await this.#run("servers", [])).map(({ id }) => id);
  }

  async #run(
    query: RegistryQuery,
    values: readonly (string | number)[],
  ): Promise<readonly { readonly id: string }[]> {
    await this.#prepared();
    return this.#engine.statement(`registry_${query}`, this.#queries[query], values);
  }
}
