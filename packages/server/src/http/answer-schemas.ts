import { CONVERSATION_TYPES, HISTORY_VISIBILITIES, LIMITS, PRESENCE_STATUSES, ROLES } from "@chat/protocol";
import { data, id, integer, type JsonSchema, list, text, word } from "./json-field.js";

/** An object of required fields, and optional ones. */
function object(
  description: string,
  required: Readonly<Record<string, { readonly schema: JsonSchema }>>,
  optional: Readonly<Record<string, { readonly schema: JsonSchema }>> = {},
): JsonSchema {
  const properties = Object.entries({ ...required, ...optional }).map(([name, { schema }]) => [name, schema]);
  return {
    type: "object",
    description,
    required: Object.keys(required),
    properties: Object.fromEntries(properties) as JsonSchema,
  };
}

function flag(description: string): { readonly schema: JsonSchema } {
  return { schema: { type: "boolean", description } };
}

const createdAt = integer("Wall-clock milliseconds since 1970, to be shown, never to sort by.");
const redacted = flag("True for a tombstone: its text, data, replyTo and mentions were redacted or erased.");
const lastRedaction = integer(
  "The messageId of the newest entry of kind `redacted` or `erased`; absent if there is none.",
);
const next = text("The `page` of the next page; absent on the last.");
const cursor = text("A position among the changes, opaque: `GET /conversation-changes` goes on from it.");

const watermarks = {
  delivered: integer("Everything up to it has reached a device of the caller."),
  read: integer("Everything up to it was read by the caller."),
  readOrdinal: integer("The ordinal there: `headOrdinal` minus this is how many messages are unread."),
};
const unread = {
  schema: object(
    "From where on the caller has marked it as unread, whatever was read.",
    { version: integer("Rises with every change of the mark.") },
    {
      from: integer("The first messageId that counts as unread; absent: nothing is marked."),
      ordinal: integer("`headOrdinal` minus this is how many messages are unread."),
    },
  ),
};

const mute = {
  schema: object(
    "Whether the caller wants to hear nothing of it.",
    { version: integer("Rises with every change.") },
    {
      until: integer("Wall-clock milliseconds until which it is muted; absent: it is not."),
      mentionsMuted: flag("True if messages that mention the caller are not notified either."),
    },
  ),
};

const privacy = {
  schema: object(
    "What the caller tells the others of this conversation; what is absent is as everywhere.",
    { version: integer("Rises with every change.") },
    {
      typing: flag("Whether they are told that the caller is writing."),
      readReceipts: flag("Whether they are told how far the caller has read."),
    },
  ),
};

function listOf(name: AnswerName, description: string): { readonly schema: JsonSchema } {
  return { schema: { type: "array", items: answerOf(name), description } };
}

/** The schemas of answers, by the name that they have in the OpenAPI document. */
export const ANSWER_SCHEMAS = {
  get ConversationRow(): JsonSchema {
    return object(
      "A conversation as the caller sees it.",
      {
        conversationId: id("Identifies the conversation."),
        type: word(CONVERSATION_TYPES, "`direct` has exactly two members, and exists once per pair."),
        version: integer("Rises with every change of the row. No time."),
        activity: integer("Orders the list, newest activity highest. No time."),
        head: integer("The highest messageId that the caller may see; 0 if none."),
        headFingerprint: integer("The fingerprint of the entry there."),
        headOrdinal: integer("The ordinal of the entry there."),
        firstId: integer("The first messageId that is still kept."),
        memberCount: integer("How many members it has."),
        member: flag("False once the caller has left or was removed; `head` then stays where it was."),
        role: word(ROLES, "The caller's role."),
        joinedAt: integer("The messageId of the entry that began the caller's newest time as a member."),
        visibleFrom: integer("The first messageId that the caller may see of it: `joinedAt`, or 1."),
        createdAt,
        ...watermarks,
      },
      {
        name: text("The conversation's name."),
        data: data("The application's own."),
        peerId: id("The other user of a direct conversation."),
        historyVisibility: word(
          HISTORY_VISIBILITIES,
          "What those who join from now on see of what was before; absent for `joined`.",
        ),
        latest: {
          schema: object(
            "The newest entry that counts as a message.",
            { messageId: integer("Its id."), senderId: id("Who sent it."), createdAt },
            {
              snippet: text("The first characters of its text."),
              kind: text("Its kind; absent for `text`."),
              redacted,
            },
          ),
        },
        lastRedaction,
        unread,
        mute,
        privacy,
        receipts: listOf(
          "MemberReceipt",
          "How far the other members have come; absent where there are too many to tell of.",
        ),
      },
    );
  },
  MemberReceipt: object("How far a member has come.", {
    userId: id("The member."),
    delivered: integer("Everything up to it has reached a device of the member."),
    read: integer("Everything up to it was read by the member, as far as they tell it."),
  }),
  Entry: object(
    "One entry of a conversation's log. What is not among the entries of a span does not exist for the caller.",
    {
      messageId: integer("Contiguous within the conversation, from 1; the only order."),
      senderId: id("Who sent it."),
      createdAt,
      ordinal: integer("How many entries up to this one are messages; differences count the unread."),
      fingerprint: integer("Of this entry and all before it; to be compared only."),
    },
    {
      text: text("What was written."),
      kind: text("Absent for `text`."),
      data: data(
        "The application's own, or what the server wrote down: who came and went, roles, a new name.",
      ),
      replyTo: integer("The messageId of the entry that this one answers."),
      mentions: list(id("A user."), LIMITS.mentionsPerMessage, "The users whom it mentions; absent: none."),
      clientMessageId: text("The idempotency key; told to the device that sent the entry only."),
      redacted,
    },
  ),
  Member: object("A member of a conversation.", {
    userId: id("The user."),
    role: word(ROLES, "The member's role."),
    joinedAt: integer("The messageId of the entry that began the newest time as a member."),
  }),
  UserProfile: object(
    "A user's profile.",
    {
      userId: id("The user."),
      version: integer("Rises with every change; 0 for a user who never set a profile."),
    },
    {
      name: text("The name to show."),
      avatarUrl: text("An http or https URL."),
      data: data("The application's own."),
    },
  ),
  UserPresence: object(
    "Whether a user is there.",
    {
      userId: id("The user."),
      status: word(
        PRESENCE_STATUSES,
        "`away`: connected, and nothing was done on any device of the user for a while.",
      ),
    },
    {
      lastActiveAt: integer(
        "Wall-clock milliseconds since 1970 at which the user did something last; absent while online, and where it is not known or not shown.",
      ),
      invisible: flag("True if the user wants to be seen by nobody; only the user is told."),
    },
  ),
  StoredMessage: object(
    "A message is durable, and has its place.",
    { messageId: integer("Its place in the conversation."), createdAt },
    { redacted: flag("True if it was redacted since it was first sent.") },
  ),
  get Conversations(): JsonSchema {
    return object(
      "A page of conversations.",
      { items: listOf("ConversationRow", "Newest activity first."), cursor },
      { next },
    );
  },
  get ConversationChanges(): JsonSchema {
    return object("Conversations that changed.", {
      rows: listOf("ConversationRow", "In the order of their changes, each once."),
      cursor,
      more: flag("True if more is waiting behind the cursor."),
    });
  },
  get Range(): JsonSchema {
    return object(
      "A span of the log, (after, through].",
      {
        after: integer("The span begins above it."),
        through: integer("The span ends with it."),
        entries: listOf("Entry", "In the order of their ids."),
        head: integer("The highest messageId that the caller may see."),
        firstId: integer("The first messageId that is still kept."),
      },
      { lastRedaction },
    );
  },
  OwnReceipt: object(
    "How far the caller has come.",
    { conversationId: id("The conversation."), ...watermarks },
    { unread, mute, privacy },
  ),
  get Receipts(): JsonSchema {
    return object("A page of receipts.", { items: listOf("MemberReceipt", "By user id.") }, { next });
  },
  ReceiptCounts: object("How many members have come as far as a message.", {
    members: integer("All members."),
    delivered: integer("Those whom it has reached."),
    read: integer("Those who have read it."),
  }),
  get Members(): JsonSchema {
    return object("A page of members.", { items: listOf("Member", "By user id.") }, { next });
  },
  get Users(): JsonSchema {
    return object("Profiles.", {
      items: listOf("UserProfile", "In the order in which they were asked for."),
    });
  },
  RecommendedServer: object(
    "A chat server that takes connections.",
    { url: text("Where its WebSocket service is: an absolute ws or wss URL.") },
    { region: text("Where it stands.") },
  ),
  get Servers(): JsonSchema {
    return object("The chat servers to connect to.", {
      items: listOf("RecommendedServer", "The best one first; empty where none is known."),
    });
  },
  get Presences(): JsonSchema {
    return object("Presence.", { items: listOf("UserPresence", "Of those whom the caller may see.") });
  },
  UserPrivacy: object("What the caller tells others, and whom the caller has blocked.", {
    version: integer("Rises with every change; 0: nothing was ever set."),
    typing: flag("Whether they are told that the caller is writing."),
    readReceipts: flag("Whether they are told how far the caller has read."),
    blocked: {
      schema: { type: "array", items: { type: "string" }, description: "Whom the caller has blocked." },
    },
  }),
  PushState: object(
    "How pushes reach a device.",
    {
      providers: {
        schema: {
          type: "array",
          items: object(
            "A push provider of this server.",
            { name: text("Its name.") },
            { publicKey: text("What a device needs in order to subscribe: the applicationServerKey.") },
          ),
          description: "Those that this server has.",
        },
      },
    },
    { provider: text("The one that the device is subscribed with; absent: it is not.") },
  ),
  Health: object("The server is ready.", {
    status: word(["ok"], "Always `ok`; else the answer is an error."),
  }),
  Error: object("A refusal.", {
    error: {
      schema: object(
        "What went wrong.",
        {
          code: text("Stable; see the table of error codes in the protocol's description."),
          message: text("A sentence for developers."),
          retryable: flag("Whether the very same request may succeed later."),
        },
        { retryAfter: integer("Milliseconds to wait before that.") },
      ),
    },
  }),
} as const satisfies Record<string, JsonSchema>;

/** The name of an answer's schema. */
export type AnswerName = keyof typeof ANSWER_SCHEMAS;

/** Refers to a schema by its name. */
export function answerOf(name: AnswerName): JsonSchema {
  return { $ref: `#/components/schemas/${name}` };
}
