import { createHash, randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import type { Database } from "better-sqlite3";

/** Stands for whatever accounts your application has already. */
export interface Accounts {
  /** Makes an account; false if the name is taken. */
  register(name: string, password: string): Promise<boolean>;
  /** Begins a session and gives its secret; undefined if name and password do not fit. */
  logIn(name: string, password: string): Promise<string | undefined>;
  /** Whose session it is that has this secret, and which one; undefined if it has ended. */
  session(secret: string): Session | undefined;
  /** True until the session is ended. */
  isOpen(sessionId: string): boolean;
  /** Ends a session. */
  end(sessionId: string): void;
}

/** Somebody who is logged in, on one device. */
export interface Session {
  readonly id: string;
  readonly userId: string;
}

const derive = promisify<string, Buffer, number, Buffer>(scrypt);
const KEY_BYTES = 32;

/** Only the hash of a session's secret is kept: who reads the table can't log in with it. */
function idOf(secret: string): string {
  return createHash("sha256").update(secret).digest("base64url");
}

export function openAccounts(database: Database): Accounts {
  database.exec(`
    CREATE TABLE IF NOT EXISTS account (name TEXT PRIMARY KEY, salt BLOB NOT NULL, hash BLOB NOT NULL);
    CREATE TABLE IF NOT EXISTS session (id TEXT PRIMARY KEY, name TEXT NOT NULL);
  `);
  const insert = database.prepare("INSERT INTO account VALUES (?, ?, ?) ON CONFLICT DO NOTHING");
  const find = database.prepare("SELECT salt, hash FROM account WHERE name = ?");
  const begin = database.prepare("INSERT INTO session VALUES (?, ?)");
  const findSession = database.prepare("SELECT id, name AS userId FROM session WHERE id = ?");
  const remove = database.prepare("DELETE FROM session WHERE id = ?");
  const nobody = { salt: randomBytes(16), hash: randomBytes(KEY_BYTES) };

  return {
    async register(name, password) {
      const salt = randomBytes(16);
      return insert.run(name, salt, await derive(password, salt, KEY_BYTES)).changes === 1;
    },
    async logIn(name, password) {
      // A name that nobody has takes as long as a wrong password: names can't be probed.
      const { salt, hash } = (find.get(name) as typeof nobody | undefined) ?? nobody;
      if (!timingSafeEqual(await derive(password, salt, KEY_BYTES), hash)) return undefined;
      const secret = randomBytes(32).toString("base64url");
      begin.run(idOf(secret), name);
      return secret;
    },
    session: (secret) => findSession.get(idOf(secret)) as Session | undefined,
    isOpen: (sessionId) => findSession.get(sessionId) !== undefined,
    end: (sessionId) => void remove.run(sessionId),
  };
}
