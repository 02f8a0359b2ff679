import type { Runtime } from "@chat/protocol";
import { preparedOnce } from "../../store/sql/prepared-once.js";
import type { SqlValue } from "../../store/sql/sql-engine.js";
import { decodeAnnouncements, encodeAnnouncement } from "../announcement.js";
import type { AnnouncedServer, Discovery } from "../discovery.js";

/** What the discovery asks a SQL server. */
export type DiscoveryQuery = "announce" | "withdraw" | "list";

/** A SQL server as the discovery needs it. */
interface DiscoveryEngine<Text> {
  /** Connects to the server and its tables, which are made where there are none. */
  attach(runtime: Runtime): Promise<void>;
  /** Runs one statement that does no harm when it is run twice. */
  statement<Row>(name: string, text: Text, values: readonly SqlValue[]): Promise<Row[]>;
  close(): Promise<void>;
}

/** The discovery beside the store on a SQL server: the same for all of them but for their statements. */
export class SqlDiscovery<Text> implements Discovery {
  readonly #engine: DiscoveryEngine<Text>;
  readonly #queries: Readonly<Record<DiscoveryQuery, Text>>;
  readonly #prepared: () => Promise<void>;

  /** @param queries `announce` is given id, lease and server, `withdraw` the id */
  constructor(
    engine: DiscoveryEngine<Text>,
    queries: Readonly<Record<DiscoveryQuery, Text>>,
    runtime: Runtime,
  ) {
    this.#engine = engine;
    this.#queries = queries;
    this.#prepared = preparedOnce(() => engine.attach(runtime));
  }

  async announce(server: AnnouncedServer, lease: number): Promise<void> {
    await this.#run("announce", [server.serverId, lease, encodeAnnouncement(server)]);
  }

  async withdraw(serverId: string): Promise<void> {
    await this.#run("withdraw", [serverId]);
  }

  async list(): Promise<readonly AnnouncedServer[]> {
    return decodeAnnouncements((await this.#run("list", [])).map(({ server }) => server));
  }

  close(): Promise<void> {
    return this.#engine.close();
  }

  async #run(
    query: DiscoveryQuery,
    values: readonly SqlValue[],
  ): Promise<readonly { readonly server: string }[]> {
    await this.#prepared();
    return this.#engine.statement(`discovery_${query}`, this.#queries[query], values);
  }
}
