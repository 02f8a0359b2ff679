/**
 * The schema, step by step; a step that was published is never edited. The tables stand beside the application's own,
 * so all names begin with `chat_`. For teams that migrate by themselves: run the steps above `chat_store.schema_version`
 * in order, each in one transaction, and then set it to their number.
 *
 * A conversation is named by an integer in every key, a message is one binary value, and no index exists that no query
 * needs. Ids are compared byte by byte (`"C"`): no update of the operating system's collations can disorder an index.
 */
export const POSTGRES_MIGRATIONS: readonly string[] = [
  `
  -- One row. It is locked, and never rewritten, while change numbers are given out.
  CREATE TABLE chat_store (
    id smallint PRIMARY KEY CHECK (id = 1),
    schema_version integer NOT NULL,
    epoch uuid NOT NULL
  );
  INSERT INTO chat_store VALUES (1, 0, gen_random_uuid());
  CREATE SEQUENCE chat_change AS bigint;

  CREATE TABLE chat_boot (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text COLLATE "C" NOT NULL UNIQUE,
    first_change bigint NOT NULL
  );

  CREATE TABLE chat_conversation (
    key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    head bigint NOT NULL DEFAULT 0,
    fingerprint bigint NOT NULL DEFAULT 0,
    ordinal bigint NOT NULL DEFAULT 0,
    membership_version bigint NOT NULL DEFAULT 0,
    member_count bigint NOT NULL DEFAULT 0,
    -- Of anything; of what all members' rows show; of members' receipts.
    change bigint NOT NULL DEFAULT 0,
    view_change bigint NOT NULL DEFAULT 0,
    receipts_change bigint NOT NULL DEFAULT 0,
    activity bigint NOT NULL DEFAULT 0,
    membership_change bigint NOT NULL DEFAULT 0,
    latest_id bigint NOT NULL DEFAULT 0,
    first_id bigint NOT NULL DEFAULT 1,
    last_redaction bigint NOT NULL DEFAULT 0,
    redaction_change bigint NOT NULL DEFAULT 0,
    retention_age bigint,
    retention_count bigint,
    created_at bigint NOT NULL,
    id text COLLATE "C" NOT NULL UNIQUE,
    type text NOT NULL,
    creator text COLLATE "C" NOT NULL,
    pair_low text COLLATE "C",
    pair_high text COLLATE "C",
    latest bytea,
    name text,
    data text,
    history text NOT NULL DEFAULT 'joined'
  ) WITH (fillfactor = 80);
  -- Unique, so that a change number that is given out twice is an error and nothing that is missed.
  CREATE UNIQUE INDEX chat_conversation_change ON chat_conversation (change) WHERE change > 0;
  CREATE UNIQUE INDEX chat_conversation_pair ON chat_conversation (pair_low, pair_high) WHERE pair_low IS NOT NULL;
  CREATE INDEX chat_conversation_retention ON chat_conversation (key) WHERE retention_age IS NOT NULL;

  -- What each commit stored into each conversation, in the order of the commits.
  CREATE TABLE chat_log (
    change bigint PRIMARY KEY,
    conversation bigint NOT NULL,
    first_id bigint NOT NULL,
    last_id bigint NOT NULL
  );

  -- Users whose words are being erased.
  CREATE TABLE chat_erasure (user_id text COLLATE "C" PRIMARY KEY, id text NOT NULL);

  CREATE TABLE chat_message (
    conversation bigint NOT NULL,
    id bigint NOT NULL,
    bytes integer NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (conversation, id)
  );

  -- Idempotency keys; they outlive the messages.
  CREATE TABLE chat_key (
    conversation bigint NOT NULL,
    message bigint NOT NULL,
    sender text COLLATE "C" NOT NULL,
    device bytea NOT NULL,
    client_message bytea NOT NULL,
    PRIMARY KEY (conversation, sender, device, client_message)
  );

  -- The newest interval of each user; of a former member also what the row showed when the user left. No words are
  -- copied: the latest message is looked up.
  CREATE TABLE chat_participation (
    conversation bigint NOT NULL,
    joined_at bigint NOT NULL,
    visible_from bigint NOT NULL,
    left_at bigint,
    change bigint NOT NULL,
    left_fingerprint bigint,
    left_ordinal bigint,
    left_activity bigint,
    left_member_count bigint,
    left_latest_id bigint,
    intervals integer NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    role text NOT NULL,
    left_name text,
    left_data text,
    PRIMARY KEY (user_id, conversation)
  );
  CREATE INDEX chat_participation_member ON chat_participation (conversation, user_id) WHERE left_at IS NULL;

  -- The intervals before the newest one.
  CREATE TABLE chat_interval (
    conversation bigint NOT NULL,
    from_id bigint NOT NULL,
    to_id bigint NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (user_id, conversation, from_id)
  );

  -- How far the present members have come, those of a conversation side by side.
  CREATE TABLE chat_receipt (
    conversation bigint NOT NULL,
    delivered bigint NOT NULL,
    read bigint NOT NULL,
    read_ordinal bigint NOT NULL,
    change bigint NOT NULL,
    unread_version bigint NOT NULL DEFAULT 0,
    unread_from bigint,
    unread_ordinal bigint,
    mute_version bigint NOT NULL DEFAULT 0,
    muted_until bigint,
    user_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (conversation, user_id)
  ) WITH (fillfactor = 80);

  CREATE TABLE chat_user (
    version bigint NOT NULL,
    change bigint NOT NULL,
    id text COLLATE "C" PRIMARY KEY,
    name text,
    avatar_url text,
    data text
  );
  CREATE UNIQUE INDEX chat_user_change ON chat_user (change) WHERE change > 0;

  CREATE TABLE chat_presence (
    user_id text COLLATE "C" PRIMARY KEY,
    last_active_at bigint,
    invisible boolean NOT NULL DEFAULT false
  );

  -- Where pushes go; and who sends them until when, and how far they have come: at most one row.
  CREATE TABLE chat_push (
    address text COLLATE "C" PRIMARY KEY,
    user_id text COLLATE "C" NOT NULL,
    device text NOT NULL,
    provider text NOT NULL,
    target text NOT NULL
  );
  CREATE INDEX chat_push_user ON chat_push (user_id, address);
  CREATE TABLE chat_push_lead (
    id smallint PRIMARY KEY CHECK (id = 1),
    owner text NOT NULL,
    expires bigint NOT NULL,
    reached text
  );

  -- Messages that were committed with rows of the application's; and who stores them until when: at most one row.
  CREATE TABLE chat_outbox (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    draft text NOT NULL,
    refusal text
  );
  CREATE TABLE chat_outbox_lead (
    id smallint PRIMARY KEY CHECK (id = 1),
    owner text NOT NULL,
    expires bigint NOT NULL
  );

  -- The registry. What a crash empties it of, the servers register again: so it needs no write-ahead log.
  CREATE UNLOGGED TABLE chat_server (
    id text COLLATE "C" PRIMARY KEY,
    incarnation text NOT NULL,
    lease bigint NOT NULL,
    expires bigint NOT NULL
  );
  CREATE UNLOGGED TABLE chat_session (
    server text COLLATE "C" NOT NULL,
    incarnation text NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    device text NOT NULL,
    connection text NOT NULL,
    PRIMARY KEY (server, user_id, connection)
  );
  `,
  `
  -- Which servers take connections, and how busy they are. What a crash empties it of, the servers announce again.
  CREATE UNLOGGED TABLE chat_announcement (
    id text COLLATE "C" PRIMARY KEY,
    expires bigint NOT NULL,
    server text NOT NULL
  );
  `,
  `
  -- Conversations whose log lies in another store and may be ahead of their row. Rows come and go with every append.
  CREATE TABLE chat_mark (
    conversation bigint NOT NULL,
    owner text COLLATE "C" NOT NULL,
    marked_at bigint NOT NULL,
    due_at bigint NOT NULL,
    PRIMARY KEY (conversation, owner)
  );
  CREATE INDEX chat_mark_due ON chat_mark (due_at);
  `,
  `
  -- What users tell others: everywhere, and in one conversation (null: as everywhere). shown_read is as far as the others are
  -- told that a member has read; null where nothing is hidden from them.
  ALTER TABLE chat_user
    ADD COLUMN privacy_version bigint NOT NULL DEFAULT 0,
    ADD COLUMN typing smallint,
    ADD COLUMN read_receipts smallint;
  ALTER TABLE chat_receipt
    ADD COLUMN privacy_version bigint NOT NULL DEFAULT 0,
    ADD COLUMN typing smallint,
    ADD COLUMN read_receipts smallint,
    ADD COLUMN shown_read bigint;
  `,
  `
  CREATE TABLE chat_block (
    user_id text COLLATE "C" NOT NULL,
    blocked text COLLATE "C" NOT NULL,
    PRIMARY KEY (user_id, blocked)
  );
  `,
  `
  -- How many of the entries that are deleted were messages, and when the last of them were.
  ALTER TABLE chat_conversation
    ADD COLUMN first_ordinal bigint NOT NULL DEFAULT 0,
    ADD COLUMN prune_change bigint NOT NULL DEFAULT 0;
  `,
];
