import type { Runtime } from "@chat/protocol";
import { inTime } from "../../in-time.js";
import { ANSWER_DEADLINE, connectInTime } from "../sql/connect-in-time.js";
import { AnswerOverdue } from "../sql/engine-failure.js";
import { failureOf } from "./mysql-failure.js";
import type { MysqlConnection, MysqlPool } from "./mysql-pool.js";
import { inspectSession, type MysqlSession } from "./mysql-session.js";

/** Seconds by which the start of one run of a server may seem to differ: MySQL tells its uptime in whole ones. */
const START_TOLERANCE = 1.5;

/** Connections of the application's pool, borrowed for one statement or transaction at a time. */
export class MysqlConnections {
  readonly #pool: MysqlPool;
  readonly #allowVolatile: boolean;
  /** By connection, which run of which server it was made to: it can't outlive that. */
  readonly #instances = new WeakMap<object, string>();
  /** By server, the newest start that was seen. */
  readonly #starts = new Map<string, number>();

  constructor(pool: MysqlPool, allowVolatile: boolean) {
    this.#pool = pool;
    this.#allowVolatile = allowVolatile;
  }

  /** Runs work on a connection. One that failed in any other way than by a refused statement is not used again. */
  async use<T>(runtime: Runtime, work: (connection: MysqlConnection) => Promise<T>): Promise<T> {
    const connecting = this.#pool.getConnection();
    const connection = await connectInTime(runtime, "MySQL", connecting, (late) => late.release());
    // The driver leaves a statement unanswered whose connection is closed.
    const overdue = (): Error => new AnswerOverdue(`MySQL did not answer for ${ANSWER_DEADLINE} ms.`);
    const working = this.#inspect(connection).then(() => work(connection));
    try {
      const result = await inTime(runtime.clock, ANSWER_DEADLINE, overdue, working);
      connection.release();
      return result;
    } catch (thrown) {
      const { kind } = failureOf(thrown);
      if (kind === "lost" || kind === "engine") connection.destroy();
      else connection.release();
      throw thrown;
    }
  }

  /** Which run of which server a connection in use was made to. */
  instanceOf(connection: MysqlConnection): string {
    return this.#instances.get(identityOf(connection))!;
  }

  async #inspect(connection: MysqlConnection): Promise<void> {
    if (this.#instances.has(identityOf(connection))) return;
    const { server, startedAt } = await inspectSession(connection, this.#allowVolatile);
    this.#instances.set(identityOf(connection), `${server} ${this.#startOf({ server, startedAt })}`);
  }

  #startOf({ server, startedAt }: MysqlSession): number {
    const known = this.#starts.get(server);
    if (known !== undefined && Math.abs(known - startedAt) <= START_TOLERANCE) return known;
    this.#starts.set(server, startedAt);
    return startedAt;
  }
}

/** Each time that a connection is taken it comes in a new wrapper. */
function identityOf(connection: MysqlConnection): object {
  return connection.connection ?? connection;
}
