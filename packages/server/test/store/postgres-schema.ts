import { newUuid, systemRuntime } from "@chat/protocol";
import { Pool, type PoolConfig } from "pg";
import { ENGINE_URLS } from "../engines/engine-urls.js";

/** A schema of a test's own, which its pools take for the first of their search_path. */
export class PostgresSchema {
  readonly name = `chat_test_${newUuid(systemRuntime().random).replaceAll("-", "")}`;
  readonly #url: string;
  readonly #pools: Pool[] = [];

  private constructor(url: string) {
    this.#url = url;
  }

  static async create(url: string = ENGINE_URLS.postgres): Promise<PostgresSchema> {
    const schema = new PostgresSchema(url);
    await schema.pool({ max: 1 }).query(`CREATE SCHEMA ${schema.name}`);
    return schema;
  }

  /** @param role another one than the URL's */
  pool(config: PoolConfig = {}, role?: string): Pool {
    const options = `-c search_path=${this.name}`;
    const url = new URL(this.#url);
    if (role !== undefined) url.username = role;
    const pool = new Pool({ connectionString: url.href, max: 4, options, ...config });
    this.#pools.push(pool);
    return pool;
  }

  async dispose(): Promise<void> {
    const [first, ...others] = this.#pools;
    await Promise.all(others.map((pool) => pool.end()));
    await first!.query(`DROP SCHEMA ${this.name} CASCADE`);
    await first!.end();
  }
}
