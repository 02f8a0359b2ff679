/** Ids are compared byte by byte: no case is folded, and no space at the end is passed over. At the most 128 bytes. */
const ID = "VARBINARY(128)";
/** A device's or message's id as {@link idBytes} packs it. */
const PACKED_ID = "VARBINARY(130)";
const OPTIONS = "ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin ROW_FORMAT = DYNAMIC";

function table(name: string, ...lines: string[]): string {
  return `CREATE TABLE IF NOT EXISTS ${name} (\n  ${lines.join(",\n  ")}\n) ${OPTIONS}`;
}

/**
 * The schema, step by step; a step that was published is never edited. MySQL commits each statement by itself; so one that is run again does no harm, or
 * is refused with error 1060 where its columns are there already. The tables stand beside the application's own, so all names begin with `chat_`. For teams that migrate by themselves:
 * run the statements of the steps above `chat_store.schema_version` in order, and then set it to the number of the last one.
 *
 * A conversation is named by an integer in every key, a message is one binary value, and no index exists that no query needs.
 */
export const MYSQL_MIGRATIONS: readonly (readonly string[])[] = [
  [
    // One row. It is locked while change numbers are given out.
    table(
      "chat_store",
      "id TINYINT NOT NULL PRIMARY KEY",
      "schema_version INT NOT NULL",
      "last_change BIGINT NOT NULL",
      "epoch CHAR(36) CHARACTER SET ascii NOT NULL",
    ),
    `INSERT INTO chat_store (id, schema_version, last_change, epoch) SELECT 1, 0, 0, UUID()
    FROM (SELECT 1 AS one) one WHERE NOT EXISTS (SELECT 1 FROM chat_store)`,

    table(
      "chat_boot",
      "number BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY",
      "id VARBINARY(36) NOT NULL",
      "first_change BIGINT NOT NULL",
      "UNIQUE KEY chat_boot_id (id)",
    ),

    // `changed` is null until the first commit: unique, so that a change number that is given out twice is an error and
    // nothing that is missed. `changed` is of anything, `view_change` of what all members' rows show.
    table(
      "chat_conversation",
      "pk BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY",
      "head BIGINT NOT NULL DEFAULT 0",
      "fingerprint BIGINT NOT NULL DEFAULT 0",
      "ordinal BIGINT NOT NULL DEFAULT 0",
      "membership_version BIGINT NOT NULL DEFAULT 0",
      "member_count BIGINT NOT NULL DEFAULT 0",
      "changed BIGINT",
      "view_change BIGINT NOT NULL DEFAULT 0",
      "receipts_change BIGINT NOT NULL DEFAULT 0",
      "activity BIGINT NOT NULL DEFAULT 0",
      "membership_change BIGINT NOT NULL DEFAULT 0",
      "latest_id BIGINT NOT NULL DEFAULT 0",
      "first_id BIGINT NOT NULL DEFAULT 1",
      "last_redaction BIGINT NOT NULL DEFAULT 0",
      "redaction_change BIGINT NOT NULL DEFAULT 0",
      "retention_age BIGINT",
      "retention_count BIGINT",
      "created_at BIGINT NOT NULL",
      `id ${ID} NOT NULL`,
      "type VARCHAR(16) CHARACTER SET ascii NOT NULL",
      `creator ${ID} NOT NULL`,
      `pair_low ${ID}`,
      `pair_high ${ID}`,
      "latest BLOB",
      "name TEXT",
      "data MEDIUMTEXT",
      "history VARCHAR(16) CHARACTER SET ascii NOT NULL DEFAULT 'joined'",
      "UNIQUE KEY chat_conversation_id (id)",
      "UNIQUE KEY chat_conversation_changed (changed)",
      "UNIQUE KEY chat_conversation_pair (pair_low, pair_high)",
      "KEY chat_conversation_retention (retention_age)",
    ),

    // What each commit stored into each conversation, in the order of the commits.
    table(
      "chat_log",
      "changed BIGINT NOT NULL PRIMARY KEY",
      "conversation BIGINT NOT NULL",
      "first_id BIGINT NOT NULL",
      "last_id BIGINT NOT NULL",
    ),

    // Users whose words are being erased.
    table("chat_erasure", `user_id ${ID} NOT NULL PRIMARY KEY`, `id ${ID} NOT NULL`),

    table(
      "chat_message",
      "conversation BIGINT NOT NULL",
      "id BIGINT NOT NULL",
      "bytes INT NOT NULL",
      "body MEDIUMBLOB NOT NULL",
      "PRIMARY KEY (conversation, id)",
    ),

    // Idempotency keys; they outlive the messages.
    table(
      "chat_key",
      "conversation BIGINT NOT NULL",
      "message BIGINT NOT NULL",
      `sender ${ID} NOT NULL`,
      `device ${PACKED_ID} NOT NULL`,
      `client_message ${PACKED_ID} NOT NULL`,
      "PRIMARY KEY (conversation, sender, device, client_message)",
    ),

    // The newest interval of each user; of a former member also what the row showed when the user left. No words are
    // copied: the latest message is looked up.
    table(
      "chat_participation",
      "conversation BIGINT NOT NULL",
      "joined_at BIGINT NOT NULL",
      "visible_from BIGINT NOT NULL",
      "left_at BIGINT",
      "changed BIGINT NOT NULL",
      "left_fingerprint BIGINT",
      "left_ordinal BIGINT",
      "left_activity BIGINT",
      "left_member_count BIGINT",
      "left_latest_id BIGINT",
      "intervals INT NOT NULL",
      `user_id ${ID} NOT NULL`,
      "role VARCHAR(16) CHARACTER SET ascii NOT NULL",
      "left_name TEXT",
      "left_data MEDIUMTEXT",
      "PRIMARY KEY (user_id, conversation)",
      "KEY chat_participation_member (conversation, user_id)",
    ),

    // The intervals before the newest one.
    table(
      "chat_interval",
      "conversation BIGINT NOT NULL",
      "from_id BIGINT NOT NULL",
      "to_id BIGINT NOT NULL",
      `user_id ${ID} NOT NULL`,
      "PRIMARY KEY (user_id, conversation, from_id)",
    ),

    // How far the present members have come, those of a conversation side by side.
    table(
      "chat_receipt",
      "conversation BIGINT NOT NULL",
      "delivered BIGINT NOT NULL",
      "read_to BIGINT NOT NULL",
      "read_ordinal BIGINT NOT NULL",
      "changed BIGINT NOT NULL",
      "unread_version BIGINT NOT NULL DEFAULT 0",
      "unread_from BIGINT",
      "unread_ordinal BIGINT",
      "mute_version BIGINT NOT NULL DEFAULT 0",
      "muted_until BIGINT",
      `user_id ${ID} NOT NULL`,
      "PRIMARY KEY (conversation, user_id)",
    ),

    table(
      "chat_user",
      "version BIGINT NOT NULL",
      "changed BIGINT",
      `id ${ID} NOT NULL PRIMARY KEY`,
      "name TEXT",
      "avatar_url TEXT",
      "data MEDIUMTEXT",
      "UNIQUE KEY chat_user_changed (changed)",
    ),

    table(
      "chat_presence",
      `user_id ${ID} NOT NULL PRIMARY KEY`,
      "last_active_at BIGINT",
      "invisible TINYINT NOT NULL DEFAULT 0",
    ),

    // Where pushes go; and who sends them until when, and how far they have come: at most one row.
    table(
      "chat_push",
      "address VARBINARY(512) NOT NULL PRIMARY KEY",
      `user_id ${ID} NOT NULL`,
      `device ${ID} NOT NULL`,
      "provider VARCHAR(64) NOT NULL",
      "target TEXT NOT NULL",
      "KEY chat_push_user (user_id, address)",
    ),
    table(
      "chat_push_lead",
      "id TINYINT NOT NULL PRIMARY KEY",
      `owner ${ID} NOT NULL`,
      "expires BIGINT NOT NULL",
      "reached VARCHAR(64) CHARACTER SET ascii",
    ),

    // Messages that were committed with rows of the application's; and who stores them until when: at most one row.
    table(
      "chat_outbox",
      "number BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY",
      "draft MEDIUMTEXT NOT NULL",
      "refusal TEXT",
    ),
    table(
      "chat_outbox_lead",
      "id TINYINT NOT NULL PRIMARY KEY",
      `owner ${ID} NOT NULL`,
      "expires BIGINT NOT NULL",
    ),

    // The registry.
    table(
      "chat_server",
      `id ${ID} NOT NULL PRIMARY KEY`,
      `incarnation ${ID} NOT NULL`,
      "lease BIGINT NOT NULL",
      "expires BIGINT NOT NULL",
    ),
    table(
      "chat_session",
      `server ${ID} NOT NULL`,
      `incarnation ${ID} NOT NULL`,
      `user_id ${ID} NOT NULL`,
      `device ${ID} NOT NULL`,
      `connection ${ID} NOT NULL`,
      "PRIMARY KEY (server, user_id, connection)",
    ),
  ],
  [
    // Conversations whose log lies in another store and may be ahead of their row.
    table(
      "chat_mark",
      "conversation BIGINT NOT NULL",
      `owner ${ID} NOT NULL`,
      "marked_at BIGINT NOT NULL",
      "due_at BIGINT NOT NULL",
      "PRIMARY KEY (conversation, owner)",
      "KEY chat_mark_due (due_at)",
    ),
  ],
  [
    // What users tell others: everywhere, and in one conversation (null: as everywhere). shown_read is as far as the others are
    // told that a member has read; null where nothing is hidden from them.
    `ALTER TABLE chat_user ADD COLUMN privacy_version BIGINT NOT NULL DEFAULT 0, ADD COLUMN typing TINYINT,
      ADD COLUMN read_receipts TINYINT`,
    `ALTER TABLE chat_receipt ADD COLUMN privacy_version BIGINT NOT NULL DEFAULT 0, ADD COLUMN typing TINYINT,
      ADD COLUMN read_receipts TINYINT, ADD COLUMN shown_read BIGINT`,
  ],
  [
    // Which servers take connections, and how busy they are.
    table(
      "chat_announcement",
      `id ${ID} NOT NULL PRIMARY KEY`,
      "expires BIGINT NOT NULL",
      "server TEXT NOT NULL",
    ),
  ],
  [table("chat_block", `user_id ${ID} NOT NULL`, `blocked ${ID} NOT NULL`, "PRIMARY KEY (user_id, blocked)")],
  [
    // How many of the entries that are deleted were messages, and when the last of them were.
    `ALTER TABLE chat_conversation ADD COLUMN first_ordinal BIGINT NOT NULL DEFAULT 0,
      ADD COLUMN prune_change BIGINT NOT NULL DEFAULT 0`,
  ],
];
