import type { Runtime } from "@chat/protocol";
import { ANSWER_DEADLINE, connectInTime } from "../sql/connect-in-time.js";
import { AnswerOverdue } from "../sql/engine-failure.js";
import { failureOf } from "./postgres-failure.js";
import type { PostgresClient, PostgresPool } from "./postgres-pool.js";
import { POSTGRES_TYPES } from "./postgres-types.js";

/** Clients of the application's pool, borrowed for one statement or transaction at a time. */
export class PostgresConnections {
  readonly #pool: PostgresPool;
  readonly #isPrepared: boolean;

  /** @param isPrepared false where a pooler can't take statements that are prepared by name */
  constructor(pool: PostgresPool, isPrepared: boolean) {
    this.#pool = pool;
    this.#isPrepared = isPrepared;
  }

  /** Runs work on a client. One that failed in any other way than by a refused statement is not used again. */
  async use<T>(runtime: Runtime, work: (client: PostgresClient) => Promise<T>): Promise<T> {
    const client = await connectInTime(runtime, "PostgreSQL", this.#pool.connect(), (late) => late.release());
    let broken: Error | undefined;
    let released = false;
    const release = (): void => {
      if (released) return;
      released = true;
      // Still heard, because a client that ends may complain, and nobody else would listen.
      if (broken === undefined) client.off("error", note);
      client.release(broken);
    };
    // pg tells a lost connection to its client, too; unheard, that would end the process.
    const note = (error: Error): void => void (broken ??= error);
    client.on("error", note);
    let overdue: AnswerOverdue | undefined;
    const cancel = runtime.clock.schedule(ANSWER_DEADLINE, () => {
      overdue = new AnswerOverdue(`PostgreSQL did not answer for ${ANSWER_DEADLINE} ms.`);
      broken ??= overdue;
      // Closing the connection ends the statement that is waited for.
      release();
    });
    try {
      return await work(client);
    } catch (thrown) {
      const { kind } = failureOf(thrown);
      if (kind === "lost" || kind === "engine") {
        broken ??= thrown instanceof Error ? thrown : new Error("The work failed.", { cause: thrown });
      }
      throw overdue ?? thrown;
    } finally {
      cancel();
      release();
    }
  }

  /** Runs one statement. */
  async query<Row>(client: PostgresClient, name: string, text: string, values: unknown[]): Promise<Row[]> {
    const { rows } = await client.query({
      text,
      values,
      types: POSTGRES_TYPES,
      ...(this.#isPrepared && { name: `chat_${name}` }),
    });
    return rows as Row[];
  }
}
