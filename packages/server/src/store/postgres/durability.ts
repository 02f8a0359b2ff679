import { unavailable } from "../sql/unavailable.js";
import type { PostgresClient } from "./postgres-pool.js";
import { POSTGRES_TYPES } from "./postgres-types.js";

const OLDEST = 130_000;

const SETTINGS = `SELECT current_setting('fsync') AS fsync, current_setting('full_page_writes') AS "fullPageWrites",
  current_setting('synchronous_commit') AS "synchronousCommit", current_setting('server_encoding') AS encoding,
  current_setting('server_version_num') AS version, pg_is_in_recovery() AS "isStandby"`;

interface Settings {
  readonly fsync: string;
  readonly fullPageWrites: string;
  readonly synchronousCommit: string;
  readonly encoding: string;
  readonly version: string;
  readonly isStandby: boolean;
}

/**
 * Refuses a server that could lose what it has committed, or that can't be used at all.
 * @throws ChatError `store_unavailable`
 */
export async function assertDurable(client: PostgresClient, allowVolatile: boolean): Promise<void> {
  const { rows } = await client.query({ text: SETTINGS, types: POSTGRES_TYPES });
  const settings = rows[0] as Settings;
  if (Number(settings.version) < OLDEST) throw unavailable("PostgreSQL 13 or newer is needed.");
  if (settings.encoding !== "UTF8") {
    throw unavailable(`The database is encoded in ${settings.encoding}; create one with ENCODING 'UTF8'.`);
  }
  if (settings.isStandby) {
    throw unavailable("This PostgreSQL is a standby; let the pool connect to the primary.");
  }
  if (allowVolatile) return;
  const risks = {
    fsync: [settings.fsync, "a crash of the machine could lose or damage everything"],
    full_page_writes: [settings.fullPageWrites, "a crash of the machine could tear pages"],
    synchronous_commit: [settings.synchronousCommit, "a crash could lose acknowledged messages"],
  } as const;
  for (const [name, [value, risk]] of Object.entries(risks)) {
    if (value !== "off") continue;
    throw unavailable(`${name} is off in PostgreSQL: ${risk}. Set it to on, or say allowVolatile.`);
  }
}
