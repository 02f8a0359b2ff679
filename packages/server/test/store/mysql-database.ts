import { newUuid, systemRuntime } from "@chat/protocol";
import { createPool, type Pool, type PoolOptions } from "mysql2/promise";
import { ENGINE_URLS } from "../engines/engine-urls.js";

/** A database of a test's own. */
export class MysqlDatabase {
  readonly name = `chat_test_${newUuid(systemRuntime().random).replaceAll("-", "")}`;
  readonly #url: string;
  readonly #pools: Pool[] = [];

  private constructor(url: string) {
    this.#url = url;
  }

  static async create(url: string = ENGINE_URLS.mysql): Promise<MysqlDatabase> {
    const database = new MysqlDatabase(url);
    const admin = createPool({ uri: url, connectionLimit: 1 });
    await admin.query(`CREATE DATABASE ${database.name}`);
    await admin.end();
    return database;
  }

  /** @param user another one than the URL's */
  pool(options: PoolOptions = {}, user?: string): Pool {
    const url = new URL(this.#url);
    url.pathname = this.name;
    if (user !== undefined) url.username = user;
    const pool = createPool({ uri: url.href, connectionLimit: 4, ...options });
    this.#pools.push(pool);
    return pool;
  }

  async dispose(): Promise<void> {
    await Promise.all(this.#pools.map((pool) => pool.end()));
    const admin = createPool({ uri: this.#url, connectionLimit: 1 });
    await admin.query(`DROP DATABASE ${this.name}`);
    await admin.end();
  }
}
