import type { Backend } from "./backend.js";
import { postgresBackend } from "./postgres.js";
import { sqliteBackend } from "./sqlite.js";

/** What a server's process can be told to open, by name. */
export const BACKENDS: Readonly<Record<string, Backend>> = {
  [sqliteBackend.name]: sqliteBackend,
  [postgresBackend.name]: postgresBackend,
};
