import { noTransaction } from "../sql/outbox-draft.js";

/** What of the application's connection is called. */
interface Connection {
  execute(sql: string, values: unknown[]): Promise<unknown>;
}

/** Writes a draft in the transaction that a connection of `mysql2/promise` has open. */
export async function writeMysqlOutbox(transaction: unknown, draft: string): Promise<void> {
  if (!isConnection(transaction)) throw noTransaction("the connection of mysql2/promise that it is open on");
  await transaction.execute("INSERT INTO chat_outbox (draft) VALUES (?)", [draft]);
}

function isConnection(value: unknown): value is Connection {
  return (
    typeof value === "object" && value !== null && "execute" in value && typeof value.execute === "function"
  );
}
