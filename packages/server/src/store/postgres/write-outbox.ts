import { noTransaction } from "../sql/outbox-draft.js";

/** What of the application's client is called. */
interface Client {
  query(text: string, values: unknown[]): Promise<unknown>;
}

/** Writes a draft in the transaction that a client of `pg` has open. */
export async function writePostgresOutbox(transaction: unknown, draft: string): Promise<void> {
  if (!isClient(transaction)) throw noTransaction("the client of pg that it is open on");
  await transaction.query("INSERT INTO chat_outbox (draft) VALUES ($1)", [draft]);
}

function isClient(value: unknown): value is Client {
  return typeof value === "object" && value !== null && "query" in value && typeof value.query === "function";
}
