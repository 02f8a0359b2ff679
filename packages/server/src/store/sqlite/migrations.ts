import { newUuid } from "@chat/protocol";
import { unavailable } from "../sql/unavailable.js";
import type { SqliteConnection } from "./sqlite-connection.js";

/**
 * The schema, step by step; a step that was published is never edited. The tables stand beside the application's own,
 * so all names begin with `chat_`, and the version is a row of ours instead of `PRAGMA user_version`.
 *
 * Made for few and small writes: a conversation is named by an integer in every key, a message is one blob in a clustered
 * table, and no index exists that no query needs.
 */
const MIGRATIONS: readonly string[] = [
  `
  -- One row.
  CREATE TABLE chat_store (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    schema_version INTEGER NOT NULL,
    epoch TEXT NOT NULL,
    change INTEGER NOT NULL
  );

  -- See docs/decisions/0001-cursors-name-the-boot.md.
  CREATE TABLE chat_boot (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, first_change INTEGER NOT NULL);

  CREATE TABLE chat_conversation (
    key INTEGER PRIMARY KEY,
    head INTEGER NOT NULL DEFAULT 0,
    fingerprint INTEGER NOT NULL DEFAULT 0,
    ordinal INTEGER NOT NULL DEFAULT 0,
    membership_version INTEGER NOT NULL DEFAULT 0,
    member_count INTEGER NOT NULL DEFAULT 0,
    -- Of anything; of what all members' rows show; of members' receipts.
    change INTEGER NOT NULL DEFAULT 0,
    view_change INTEGER NOT NULL DEFAULT 0,
    receipts_change INTEGER NOT NULL DEFAULT 0,
    activity INTEGER NOT NULL DEFAULT 0,
    membership_change INTEGER NOT NULL DEFAULT 0,
    latest_id INTEGER NOT NULL DEFAULT 0,
    first_id INTEGER NOT NULL DEFAULT 1,
    last_redaction INTEGER NOT NULL DEFAULT 0,
    redaction_change INTEGER NOT NULL DEFAULT 0,
    retention_age INTEGER,
    retention_count INTEGER,
    created_at INTEGER NOT NULL,
    id TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL,
    creator TEXT NOT NULL,
    pair_low TEXT,
    pair_high TEXT,
    latest BLOB,
    name TEXT,
    data TEXT,
    history TEXT NOT NULL DEFAULT 'joined'
  );
  CREATE INDEX chat_conversation_change ON chat_conversation (change);
  CREATE UNIQUE INDEX chat_conversation_pair ON chat_conversation (pair_low, pair_high) WHERE pair_low IS NOT NULL;

  CREATE INDEX chat_conversation_retention ON chat_conversation (key) WHERE retention_age IS NOT NULL;

  -- What each commit stored into each conversation, in the order of the commits.
  CREATE TABLE chat_log (
    change INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL,
    first_id INTEGER NOT NULL,
    last_id INTEGER NOT NULL
  );

  -- Users whose words are being erased.
  CREATE TABLE chat_erasure (user TEXT PRIMARY KEY, id TEXT NOT NULL) WITHOUT ROWID;

  CREATE TABLE chat_message (
    conversation INTEGER NOT NULL,
    id INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (conversation, id)
  ) WITHOUT ROWID;

  -- Idempotency keys; they outlive the messages.
  CREATE TABLE chat_key (
    conversation INTEGER NOT NULL,
    sender TEXT NOT NULL,
    device BLOB NOT NULL,
    client_message BLOB NOT NULL,
    message INTEGER NOT NULL,
    PRIMARY KEY (conversation, sender, device, client_message)
  ) WITHOUT ROWID;

  -- The newest interval of each user; of a former member also what the row showed when the user left. No words are
  -- copied: the latest message is looked up.
  CREATE TABLE chat_participation (
    user TEXT NOT NULL,
    conversation INTEGER NOT NULL,
    joined_at INTEGER NOT NULL,
    visible_from INTEGER NOT NULL,
    left_at INTEGER,
    role TEXT NOT NULL,
    intervals INTEGER NOT NULL,
    change INTEGER NOT NULL,
    left_fingerprint INTEGER,
    left_ordinal INTEGER,
    left_activity INTEGER,
    left_member_count INTEGER,
    left_latest_id INTEGER,
    left_name TEXT,
    left_data TEXT,
    PRIMARY KEY (user, conversation)
  ) WITHOUT ROWID;
  CREATE INDEX chat_participation_member ON chat_participation (conversation, user) WHERE left_at IS NULL;

  -- The intervals before the newest one.
  CREATE TABLE chat_interval (
    user TEXT NOT NULL,
    conversation INTEGER NOT NULL,
    from_id INTEGER NOT NULL,
    to_id INTEGER NOT NULL,
    PRIMARY KEY (user, conversation, from_id)
  ) WITHOUT ROWID;

  -- How far the present members have come, those of a conversation side by side.
  CREATE TABLE chat_receipt (
    conversation INTEGER NOT NULL,
    user TEXT NOT NULL,
    delivered INTEGER NOT NULL,
    read INTEGER NOT NULL,
    read_ordinal INTEGER NOT NULL,
    change INTEGER NOT NULL,
    unread_version INTEGER NOT NULL DEFAULT 0,
    unread_from INTEGER,
    unread_ordinal INTEGER,
    mute_version INTEGER NOT NULL DEFAULT 0,
    muted_until INTEGER,
    PRIMARY KEY (conversation, user)
  ) WITHOUT ROWID;

  CREATE TABLE chat_user (
    id TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    change INTEGER NOT NULL,
    name TEXT,
    avatar_url TEXT,
    data TEXT
  ) WITHOUT ROWID;
  CREATE INDEX chat_user_change ON chat_user (change);

  CREATE TABLE chat_presence (
    user TEXT PRIMARY KEY,
    last_active_at INTEGER,
    invisible INTEGER NOT NULL DEFAULT 0
  ) WITHOUT ROWID;

  -- Where pushes go; and who sends them until when, and how far they have come: at most one row.
  CREATE TABLE chat_push (
    address TEXT PRIMARY KEY,
    user TEXT NOT NULL,
    device TEXT NOT NULL,
    provider TEXT NOT NULL,
    target TEXT NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX chat_push_user ON chat_push (user, address);
  CREATE TABLE chat_push_lead (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    owner TEXT NOT NULL,
    expires INTEGER NOT NULL,
    reached TEXT
  );

  -- Messages that were committed with rows of the application's; and who stores them until when: at most one row.
  CREATE TABLE chat_outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    draft TEXT NOT NULL,
    refusal TEXT
  );
  CREATE TABLE chat_outbox_lead (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    owner TEXT NOT NULL,
    expires INTEGER NOT NULL
  );

  -- The registry.
  CREATE TABLE chat_server (
    id TEXT PRIMARY KEY,
    incarnation TEXT NOT NULL,
    lease INTEGER NOT NULL,
    expires INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE chat_session (
    server TEXT NOT NULL,
    user TEXT NOT NULL,
    device TEXT NOT NULL,
    connection TEXT NOT NULL,
    PRIMARY KEY (server, user, connection)
  ) WITHOUT ROWID;
  `,
  `
  -- Conversations whose log lies in another store and may be ahead of their row.
  CREATE TABLE chat_mark (
    conversation INTEGER NOT NULL,
    owner TEXT NOT NULL,
    marked_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    PRIMARY KEY (conversation, owner)
  ) WITHOUT ROWID;
  CREATE INDEX chat_mark_due ON chat_mark (due_at);
  `,
  `
  -- What users tell others: everywhere, and in one conversation (null: as everywhere). shown_read is as far as the others are
  -- told that a member has read; null where nothing is hidden from them.
  ALTER TABLE chat_user ADD COLUMN privacy_version INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE chat_user ADD COLUMN typing INTEGER;
  ALTER TABLE chat_user ADD COLUMN read_receipts INTEGER;
  ALTER TABLE chat_receipt ADD COLUMN privacy_version INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE chat_receipt ADD COLUMN typing INTEGER;
  ALTER TABLE chat_receipt ADD COLUMN read_receipts INTEGER;
  ALTER TABLE chat_receipt ADD COLUMN shown_read INTEGER;
  `,
  `
  -- Which servers take connections, and how busy they are.
  CREATE TABLE chat_announcement (
    id TEXT NOT NULL PRIMARY KEY,
    expires INTEGER NOT NULL,
    server TEXT NOT NULL
  ) WITHOUT ROWID;
  `,
  `
  -- Keys begin with the time: in this order those of all who write at once lie side by side, and a commit writes few pages.
  CREATE TABLE chat_key_by_time (
    conversation INTEGER NOT NULL,
    client_message BLOB NOT NULL,
    sender TEXT NOT NULL,
    device BLOB NOT NULL,
    message INTEGER NOT NULL,
    PRIMARY KEY (conversation, client_message, sender, device)
  ) WITHOUT ROWID;
  INSERT INTO chat_key_by_time SELECT conversation, client_message, sender, device, message FROM chat_key
    ORDER BY conversation, client_message, sender, device;
  DROP TABLE chat_key;
  ALTER TABLE chat_key_by_time RENAME TO chat_key;
  `,
  `
  CREATE TABLE chat_block (user TEXT NOT NULL, blocked TEXT NOT NULL, PRIMARY KEY (user, blocked)) WITHOUT ROWID;
  `,
  `
  -- How many of the entries that are deleted were messages, and when the last of them were.
  ALTER TABLE chat_conversation ADD COLUMN first_ordinal INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE chat_conversation ADD COLUMN prune_change INTEGER NOT NULL DEFAULT 0;
  `,
];

/** The version of the schema that the file has; 0 if there is none yet. */
function schemaVersion(connection: SqliteConnection): number {
  const table = connection
    .prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'chat_store'")
    .get();
  if (table === undefined) return 0;
  return (connection.prepare("SELECT schema_version FROM chat_store").get() as { schema_version: number })
    .schema_version;
}

/**
 * Brings the schema up to this version, inside a write transaction: of two processes that open at once, one does it
 * and the other finds it done.
 * @throws ChatError `store_unavailable` if the file is of a newer version
 */
export function migrate(connection: SqliteConnection, exec: (sql: string) => void): void {
  const version = schemaVersion(connection);
  if (version > MIGRATIONS.length) {
    throw unavailable(
      `The database has schema version ${version}, this @chat/server knows ${MIGRATIONS.length}; upgrade @chat/server.`,
    );
  }
  if (version === MIGRATIONS.length) return;
  for (const step of MIGRATIONS.slice(version)) exec(step);
  if (version === 0) {
    connection.prepare("INSERT INTO chat_store VALUES (1, 0, ?, 0)").run(newUuid(connection.runtime.random));
  }
  connection.prepare("UPDATE chat_store SET schema_version = ?").run(MIGRATIONS.length);
}
