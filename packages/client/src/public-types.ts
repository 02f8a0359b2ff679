import type {
  ChatError,
  ConversationType,
  HistoryVisibility,
  JsonObject,
  Role,
  Runtime,
} from "@chat/protocol";
import type { Cache } from "./cache/cache.js";
import type { NetworkSignals } from "./connection/network-signals.js";
import type { Transport } from "./connection/socket.js";

/**
 * The application's own data, typed once: `createChatClient<{ entry: …; conversation: …; user: … }>`. Name each by a `type`: an `interface`
 * may be added to elsewhere, so TypeScript takes none for JSON.
 */
export interface CustomData {
  readonly entry?: JsonObject;
  readonly conversation?: JsonObject;
  readonly user?: JsonObject;
}

/** The type of one kind of custom data, a JSON object when the application named none. */
export type DataOf<C extends CustomData, K extends keyof CustomData> = C[K] extends JsonObject
  ? C[K]
  : JsonObject;

/** What the client is doing. Replaced, never changed, when something moves. */
export interface ClientStatus {
  /**
   * `connecting` also while it waits before the next try; `offline` after `disconnect()`, until `connect()`;
   * `stopped` after a terminal refusal: see `error`.
   */
  readonly connection: "connecting" | "online" | "offline" | "stopped" | "closed";
  /** True once the conversation list and the followed conversations hold what the server had at the last connect. */
  readonly synced: boolean;
  /** `memory`: storage was refused or has failed, or tabs can't know of each other; nothing survives the last page. */
  readonly storage: "opening" | "persistent" | "memory";
  /** Messages that wait to be stored. */
  readonly pending: number;
  /** The last thing that went wrong, until the next success. */
  readonly error?: ChatError;
}

/** What an application sends. At least one of text and data. */
export interface MessageContent<C extends CustomData = CustomData> {
  /** Up to 4,096 Unicode code points, unless the server sets another figure. */
  readonly text?: string | undefined;
  /** `text` by default; an application's own kinds begin with `x-`. */
  readonly kind?: string | undefined;
  /** A JSON object of at most 4,096 bytes. */
  readonly data?: DataOf<C, "entry"> | undefined;
  /** messageId of the message that this one answers. */
  readonly replyTo?: number | undefined;
  /**
   * Ids of users whom the message mentions, up to 50. They have to be members when the server stores it: else the message fails with
   * `mention_unknown`.
   */
  readonly mentions?: readonly string[] | undefined;
}

/** One line of a timeline. Immutable; a new object whenever something about it changes. */
export interface TimelineMessage<C extends CustomData = CustomData> {
  /** Stable for the life of the line, from pending to stored: what a list renders by. */
  readonly key: string;
  /** Absent while pending or failed. */
  readonly messageId?: number;
  readonly senderId: string;
  /** `text`, an application's own, or one that the server wrote (`created`, `members-added`, `members-removed`, `roles-changed`, `updated`). */
  readonly kind: string;
  readonly text?: string;
  readonly data?: DataOf<C, "entry">;
  readonly replyTo?: number;
  /** Ids of the users whom the message mentions; absent: none. */
  readonly mentions?: readonly string[];
  /** True for a tombstone: the message was redacted or erased, and has neither text nor data. */
  readonly redacted?: boolean;
  /** Wall-clock ms: the server's once stored, this device's before. */
  readonly createdAt: number;
  /** `pending`: in the outbox. `stored`: acknowledged by the server. `failed`: refused for good, see `error`. */
  readonly state: "pending" | "stored" | "failed";
  /**
   * Of this user's own stored messages: whether all other members have received or read it. In conversations of more members
   * than the server tells of it stays `sent`; see `Conversation.receiptCounts`.
   */
  readonly status?: "sent" | "delivered" | "read";
  readonly error?: { readonly code: string; readonly message: string };
}

/** One conversation in the list. Immutable. */
export interface ConversationSummary<C extends CustomData = CustomData> {
  readonly id: string;
  readonly type: ConversationType;
  readonly name?: string;
  readonly data?: DataOf<C, "conversation">;
  /** The other user of a direct conversation. */
  readonly peerId?: string;
  readonly memberCount: number;
  /** False once this user has left or was removed. */
  readonly member: boolean;
  readonly role: Role;
  /** Whether those who join from now on see what was before them. */
  readonly historyVisibility: HistoryVisibility;
  /** Wall-clock ms. */
  readonly createdAt: number;
  /** Messages of others above what this user has read, on whichever device. */
  readonly unreadCount: number;
  /** What is unread begins with this messageId; absent if nothing is. */
  readonly firstUnreadId?: number;
  /** Wall-clock ms until which this user wants to hear nothing of it, Infinity for ever; absent if it is not muted. A time that is over counts no more. */
  readonly mutedUntil?: number;
  /** What this user tells the others of this conversation, other than in all; absent if it never was set. */
  readonly privacy?: Partial<Omit<Privacy, "blocked">>;
  /** True if messages that mention this user are muted with it. */
  readonly mentionsMuted?: boolean;
  readonly latest?: {
    readonly messageId: number;
    readonly senderId: string;
    readonly createdAt: number;
    readonly snippet?: string;
    readonly kind: string;
    /** True if it was redacted or erased. */
    readonly redacted?: boolean;
  };
}

/** A user as this device knows them. Immutable. */
export interface User<C extends CustomData = CustomData> {
  readonly id: string;
  readonly name?: string;
  readonly avatarUrl?: string;
  readonly data?: DataOf<C, "user">;
}

/** A member of a conversation. */
export interface Member {
  readonly userId: string;
  readonly role: Role;
  /** messageId at which the member's newest time in the conversation begins. */
  readonly joinedAt: number;
}

/** What a user tells others. */
export interface Privacy {
  /** Whether they are told that the user is writing. */
  readonly typing: boolean;
  /** Whether they are told how far the user has read. */
  readonly readReceipts: boolean;
  /** Whom the user has blocked, by user id; at most 1,000. */
  readonly blocked: readonly string[];
}

/** How many members of a conversation have come as far as a message. */
export interface ReceiptCounts {
  readonly members: number;
  readonly delivered: number;
  readonly read: number;
}

/** Ends a subscription; harmless when called again. */
export type Unsubscribe = () => void;

/** What every request to the server takes. */
export interface RequestOptions {
  /** Gives the request up; its promise rejects with `aborted`. The server may still carry it out. */
  readonly signal?: AbortSignal | undefined;
}

/** What muting takes. */
export interface MuteOptions extends RequestOptions {
  /** True: messages that mention this user are not notified either. */
  readonly mentionsMuted?: boolean | undefined;
}

/** What sending a message takes. */
export interface SendOptions {
  /**
   * Gives the message up while it is being put into the outbox: the promise rejects with `aborted`, and the message is taken out
   * again, unless another tab that leads has begun to send it. Without effect once the promise has resolved; then `redact` takes it back.
   */
  readonly signal?: AbortSignal | undefined;
}

/** Which page of a list is wanted. */
export interface PageOptions extends RequestOptions {
  /** `nextCursor` of the page before; absent for the first one. */
  readonly cursor?: string | undefined;
  /** How many items at most. */
  readonly limit?: number | undefined;
}

/** One page of a list. */
export interface Page<T> {
  readonly items: readonly T[];
  /** For the next page; absent on the last one. */
  readonly nextCursor?: string;
}

/** Whether everything that is known to exist is also held. `filling`: the rest is being fetched. `gap`: it isn't, for want of a connection. */
export type Completeness = "complete" | "filling" | "gap";

/** A message that is in the outbox. */
export interface SentMessage<C extends CustomData = CustomData> {
  /** The idempotency key, a UUID; also the `key` of its line in the timeline. */
  readonly clientMessageId: string;
  /**
   * Resolves once the server has stored and numbered it, over reconnects for as long as it takes.
   * Rejects with the server's ChatError when it is refused for good, or `closed` when the client is closed before
   * (it then stays in the outbox). Need not be observed: it never becomes an unhandled rejection.
   */
  readonly stored: Promise<TimelineMessage<C>>;
}

/** What loading a page takes. */
export interface PagingOptions {
  /** How many messages at most; 50 by default, at most 200. */
  readonly limit?: number | undefined;
  /** Gives up waiting; the promise rejects with `aborted`. The page is given up once nobody waits for it any more. */
  readonly signal?: AbortSignal | undefined;
}

/** Where a window is to be opened. */
export interface WindowOptions extends PagingOptions {
  /** messageId of what is to be in the middle. Where it can't be seen, the nearest that can. */
  readonly around: number;
}

/**
 * A part of a conversation away from its end: around a search result, a quoted message, the first unread one. Pages both ways,
 * and is live once it reaches the end. Close it when it is no longer shown.
 */
export interface TimelineWindow<C extends CustomData = CustomData> {
  /** In order; the same array until something changed. Ends with pending and failed messages once `hasNewer` is false. */
  readonly messages: readonly TimelineMessage<C>[];
  /** Whether everything between the first and the last of `messages` is there. `gap`: it was lost meanwhile, and can't be had now. */
  readonly state: Completeness;
  /** True if `loadOlder` may bring more. */
  readonly hasOlder: boolean;
  /** True until the window has reached the conversation's end; from then on what arrives is shown at once. */
  readonly hasNewer: boolean;
  /** Calls back after anything of it changed. */
  subscribe(listener: () => void): Unsubscribe;
  /** Puts older messages before the first. @throws ChatError `timeout` (offline too long), `aborted` (also by `close()`), `closed` */
  loadOlder(options?: PagingOptions): Promise<void>;
  /** Puts newer messages behind the last. @throws ChatError as `loadOlder` */
  loadNewer(options?: PagingOptions): Promise<void>;
  /** Ends it and its subscriptions; `messages` stays what it was. What it brought is still held. */
  close(): void;
}

/** What the screen reads of one conversation: stored messages from some point on, then pending and failed ones. */
export interface Timeline<C extends CustomData = CustomData> {
  /**
   * In order; the same array until something changed. The first read, like the first subscription, opens the timeline:
   * from the cache first, then from the server.
   */
  readonly messages: readonly TimelineMessage<C>[];
  /** Whether everything from the first of `messages` to the conversation's end is there. */
  readonly state: Completeness;
  /** True if `loadOlder` may bring more. */
  readonly hasOlder: boolean;
  /** Calls back after `messages`, `state` or `hasOlder` changed. */
  subscribe(listener: () => void): Unsubscribe;
  /**
   * Puts older messages before the first, from the cache or else from the server.
   * @throws ChatError `timeout` (offline too long), `aborted`, `closed`
   */
  loadOlder(options?: PagingOptions): Promise<void>;
  /**
   * Jumps: opens a window around a message, from the cache or else from the server; resolves once it is there.
   * @throws ChatError `not_found` (nothing that this user may see), `timeout` (offline too long), `disconnected` (the part of
   * the client that it takes could not be loaded), `aborted`, `closed`
   */
  window(options: WindowOptions): Promise<TimelineWindow<C>>;
}

/** One conversation. The same object for as long as the client lives. */
export interface Conversation<C extends CustomData = CustomData> {
  readonly id: string;
  /** The same object until something changed. */
  readonly summary: ConversationSummary<C>;
  /** Ids of other members who are writing now; the same array until something changed. Empty in conversations of many members. */
  readonly typing: readonly string[];
  /** Calls back after `summary` or `typing` changed. */
  subscribe(listener: () => void): Unsubscribe;
  readonly timeline: Timeline<C>;

  /**
   * Puts a message into the outbox and resolves once it is there durably (see `status.storage`); works offline.
   * Messages of one conversation are stored in the order of the calls, each once, whatever fails in between.
   * @throws ChatError `text_empty`, `text_too_long`, `text_malformed`, `data_invalid`, `invalid_argument`,
   * `limit_exceeded` (too many messages wait), `aborted`, `closed`
   */
  send(content: string | MessageContent<C>, options?: SendOptions): Promise<SentMessage<C>>;

  /**
   * Sends a failed message once more, under the same key, behind those that wait. @param key its `key` in the timeline
   * @throws ChatError `not_found` (no failed message), and as `send`
   */
  retry(key: string, options?: SendOptions): Promise<SentMessage<C>>;

  /** Removes a failed message from the outbox and the timeline. @param key its `key` in the timeline */
  discard(key: string): Promise<void>;

  /**
   * This user is writing, or has stopped: to be called with every keystroke, it says so every 3 s at most. Expires by itself, and
   * ends with the message. Best effort; nothing of it is kept.
   */
  setTyping(typing: boolean): void;
  /**
   * Everything up to a message was read; without one, everything that this device knows of. Shown at once, told to the server
   * as soon as there is a connection, and to the user's other devices; never moves back. Resolves once that is kept on this
   * device.
   */
  markRead(upTo?: number): Promise<void>;
  /**
   * Shows the conversation as unread from a message on, one of the newest 1,000, on all of the user's devices, until it is
   * marked as read or the user writes. Others are told nothing. Resolves once that is kept on this device.
   * @throws ChatError `invalid_argument` (no messageId)
   */
  markUnread(from: number): Promise<void>;
  /**
   * Nothing of the conversation is notified until a time, on no device: a Date, wall-clock ms, or for ever without one; 0 ends it. Messages
   * that mention this user are, unless `mentionsMuted`. It counts and is shown as ever. Resolves once the server has it. @throws ChatError `timeout` (offline too long)…
   */
  mute(until?: Date | number, options?: MuteOptions): Promise<void>;
  /**
   * What this user tells the others of this conversation: on, off, or again as in all; what is absent stays. Only this user sees it, on all
   * devices. Resolves once the server has it. @throws ChatError `timeout` (offline too long)…
   */
  setPrivacy(
    change: { readonly [K in "typing" | "readReceipts"]?: boolean | "default" | undefined },
    options?: RequestOptions,
  ): Promise<void>;
  /** How many members have received and read everything up to a message; its sender counts, too. @throws ChatError `timeout`… */
  receiptCounts(messageId: number, options?: RequestOptions): Promise<ReceiptCounts>;

  /**
   * Takes the body of a message away, for everybody and for good; its line stays as a tombstone. Its sender may,
   * and in a group owners and admins. Resolves once it is stored; redacting again does no harm.
   * @throws ChatError `forbidden`, `not_found`, `invalid_argument` (no message), `timeout` (offline too long)…
   */
  redact(messageId: number, options?: RequestOptions): Promise<void>;

  /** The members by user id, 100 at most in one page. @throws ChatError `timeout`, `not_found`… */
  members(options?: PageOptions): Promise<Page<Member>>;

  /** Adds members to a group, 500 at most in one call; who is one already stays one. @throws ChatError `forbidden`, `limit_exceeded`… */
  addMembers(userIds: readonly string[], options?: RequestOptions): Promise<void>;

  /** Removes members of a group, 500 at most in one call. @throws ChatError `forbidden`… */
  removeMembers(userIds: readonly string[], options?: RequestOptions): Promise<void>;

  /** Leaves a group. What was said until then stays readable. If the owner leaves, the longest-serving admin, else member, owns it. */
  leave(options?: RequestOptions): Promise<void>;

  /**
   * Gives members of a group a role; the owner may, and an admin may step down. `owner` to one member hands the group over,
   * and makes its owner an admin. @throws ChatError `forbidden`, `invalid_argument`…
   */
  setRole(userIds: readonly string[], role: Role, options?: RequestOptions): Promise<void>;

  /**
   * Changes what is named; the rest stays, also what somebody else is changing. Owners and admins may, in a direct conversation
   * both, but only `data`. @throws ChatError `forbidden`, `invalid_argument`, `data_invalid`…
   */
  update(
    changes: {
      /** At most 200 characters; an empty one removes the name. */
      readonly name?: string | undefined;
      /** Replaces the data as a whole; an empty object removes it. */
      readonly data?: DataOf<C, "conversation"> | undefined;
      /** Whether those who join from now on see what was before them. */
      readonly historyVisibility?: HistoryVisibility | undefined;
    },
    options?: RequestOptions,
  ): Promise<void>;
}

/** The user's conversations. */
export interface ConversationList<C extends CustomData = CustomData> {
  /** Those that the user is a member of, newest activity first. Another array whenever one of them, or its summary, changed. */
  readonly items: readonly Conversation<C>[];
  readonly state: Completeness;
  /** Calls back after `items` or `state` changed. */
  subscribe(listener: () => void): Unsubscribe;
  /** A conversation that this device knows, also one that the user has left. */
  get(id: string): Conversation<C> | undefined;
  /** The same, asking the server when this device does not know it. @throws ChatError `not_found`, `timeout`… */
  fetch(id: string, options?: RequestOptions): Promise<Conversation<C>>;
  /**
   * Creates a group of this user and `members`.
   * @param group `id`: the application's own (1 to 128 UTF-8 bytes), else a UUID is made
   * @throws ChatError `conflict` (the id is taken), `invalid_argument`, `data_invalid`, `limit_exceeded`, `timeout`…
   */
  createGroup(
    group: {
      readonly id?: string | undefined;
      readonly name?: string | undefined;
      readonly members: readonly string[];
      readonly data?: DataOf<C, "conversation"> | undefined;
      /** Whether those who join see what was before them; `joined` by default. */
      readonly historyVisibility?: HistoryVisibility | undefined;
    },
    options?: RequestOptions,
  ): Promise<Conversation<C>>;
  /** The conversation of this user with another one; made if there is none. @throws ChatError as `createGroup` */
  createDirect(
    userId: string,
    options?: RequestOptions & { readonly data?: DataOf<C, "conversation"> | undefined },
  ): Promise<Conversation<C>>;
}

/** The users whom this device has seen. */
export interface UserDirectory<C extends CustomData = CustomData> {
  /** What is known now; the same object until it changed. Asks the server in the background when that is nothing, or may be old. */
  get(id: string): User<C> | undefined;
  /** Calls back after some user changed. */
  subscribe(listener: () => void): Unsubscribe;
  /** Replaces this user's own profile. @throws ChatError `invalid_argument`, `data_invalid`, `timeout`… */
  setProfile(
    profile: {
      readonly name?: string | undefined;
      readonly avatarUrl?: string | undefined;
      readonly data?: DataOf<C, "user"> | undefined;
    },
    options?: RequestOptions,
  ): Promise<User<C>>;
}

/** What a client tells of. */
export interface ChatClientEvents<C extends CustomData = CustomData> {
  /** Something went wrong that no promise tells of. Nobody needs to listen; `status.error` shows it too. */
  error(error: ChatError): void;
  /** A message was stored, by anybody, and is now on this device. Once for each, in order within a conversation; not for history. */
  message(event: { readonly conversation: Conversation<C>; readonly message: TimelineMessage<C> }): void;
  /** The server had lost messages above an id (a restored backup). This device's own among them are being sent again. */
  diverged(event: {
    readonly conversation: Conversation<C>;
    readonly above: number;
    readonly resent: number;
  }): void;
}

/** Where pushes for this device go. */
export interface PushTarget {
  /** One of {@link PushState.providers}. */
  readonly provider: string;
  /** What the provider needs: of `web-push` the browser's PushSubscription as JSON. */
  readonly target: JsonObject;
}

/** How this device can be reached while it is not connected. */
export interface PushState {
  readonly providers: readonly { readonly name: string; readonly publicKey?: string | undefined }[];
  /** The provider that it is subscribed with; absent: it is not. */
  readonly provider?: string | undefined;
}

/** One user's chat on one device. */
export interface ChatClient<C extends CustomData = CustomData> {
  readonly userId: string;
  /** The same object until something changed. */
  readonly status: ClientStatus;
  readonly conversations: ConversationList<C>;
  readonly users: UserDirectory<C>;
  /**
   * What this user tells others, in all conversations that say nothing else; the same object until it changed. Kept on the
   * device: offline it is as it was known last. Until the cache is open (`ready()`), and on a device that was never connected, it says `typing` and `readReceipts`
   * true and nobody `blocked`; the server goes by what is set all the same.
   */
  readonly privacy: Privacy;
  /** Sets it, for all devices; what is absent stays. What was told stays told. @throws ChatError `timeout` (offline too long)… */
  setPrivacy(
    change: { readonly [K in "typing" | "readReceipts"]?: boolean | undefined },
    options?: RequestOptions,
  ): Promise<void>;
  /**
   * Keeps a user away, on all devices: of the two none writes to the other in their direct conversation, begins one, sees the other's presence or that
   * the other is writing, and the blocked one can't add this user to a group. In groups of both messages come as ever: fold those of `privacy.blocked`.
   * @throws ChatError `limit_exceeded` (more than 1,000), `timeout` (offline too long)…
   */
  block(userId: string, options?: RequestOptions): Promise<void>;
  /** Takes that back. @throws ChatError `timeout` (offline too long)… */
  unblock(userId: string, options?: RequestOptions): Promise<void>;
  /** Calls back after `status` or `privacy` changed. */
  subscribe(listener: () => void): Unsubscribe;
  on<E extends keyof ChatClientEvents<C>>(event: E, listener: ChatClientEvents<C>[E]): this;
  off<E extends keyof ChatClientEvents<C>>(event: E, listener: ChatClientEvents<C>[E]): this;
  /**
   * How this device can be reached while the page is closed; with a subscription subscribes it, with `null` takes that back.
   * Browsers do it by `@chat/client/push`. @throws ChatError `invalid_argument`, `limit_exceeded` (devices of the user), `timeout`…
   */
  push(subscription?: PushTarget | null, options?: RequestOptions): Promise<PushState>;
  /** Resolves once the cache is loaded and what it holds can be read. @throws ChatError `aborted`, `closed` (the client is closed before) */
  ready(options?: { readonly signal?: AbortSignal | undefined }): Promise<void>;
  /** Goes online again after `disconnect()` or a refusal, or tries at once while waiting. A new client goes online by itself. Holds for all tabs. */
  connect(): void;
  /** Goes offline until `connect()`, in all tabs. Everything that is held stays readable, and messages can be sent into the outbox. */
  disconnect(): void;
  /** Goes offline for good, waits for what is being written, and lets go of storage and listeners. Other tabs go on. */
  close(): Promise<void>;
  /**
   * Closes this client, and those of the same user in other tabs, and removes everything that this device keeps of the user:
   * also messages that were not sent yet. What applications keep themselves, tokens for instance, they remove themselves.
   * @throws ChatError `storage_failed` if the browser refuses to remove it
   */
  logout(): Promise<void>;
}

/** What a client is made of. */
export interface ChatClientOptions {
  /** Where the server is attached: `wss://…`, `https://…`, or in a browser also `/chat`. */
  readonly url: string;
  /**
   * Asks before each connection which chat server is the best one, for servers that announce themselves: `true` asks the HTTP service
   * beside `url`, a URL another one (`https://eu.example/chat/servers?region=eu`). Whatever goes wrong with that leads to `url`.
   */
  readonly discover?: true | string | undefined;
  /** Who this is. A token of somebody else is refused. */
  readonly userId: string;
  /** What the server's `authenticate` checks. A function is called for every connect; if it throws, the client tries again later. */
  readonly token: string | (() => string | Promise<string>);
  /** Where to keep what is held; by default IndexedDB where it can be had, else memory. */
  readonly cache?: Cache | undefined;
  /** ms after which a request is given up with `timeout`; 30,000 by default. Messages are not requests: they wait. */
  readonly requestTimeout?: number | undefined;
  /** Up to so many missed entries of a conversation are fetched without a hole; 1,000 by default. */
  readonly catchUpEntries?: number | undefined;
  /** Time, chance and log; for tests. */
  readonly runtime?: Runtime | undefined;
  /**
   * How to reach the server: where the platform's WebSocket is none, or has to go another way. By default a WebSocket, and
   * plain HTTP where none gets through; with a transport of one's own only that is used.
   */
  readonly transport?: Transport | undefined;
  /** What wakes the client up; by default the page's events where there is a page. */
  readonly signals?: NetworkSignals | undefined;
}
