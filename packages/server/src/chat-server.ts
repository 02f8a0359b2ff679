import type { Server } from "node:http";
import type { ChatActor } from "./api/chat-actor.js";
import type { NodeHandler } from "./mount/node-handler.js";
import type { Erasure, ErasureOptions } from "./operations/erase-user.js";
import type { ExportUserOptions } from "./operations/export-history.js";
import type { FollowOptions, LoggedEntry } from "./operations/follow-log.js";
import type { ImportOptions, ImportProgress, ImportRows } from "./operations/import-history.js";
import type { Disconnection } from "./session/disconnection.js";
import type { SocketReceiver } from "./session/session-host.js";
import type { Peer, Socket } from "./session/socket.js";
import type { OutboxDraft } from "./store/outbox-store.js";
import type { Retention } from "./store/housekeeping.js";

/** A chat engine inside an application's own process. */
export interface ChatServer {
  /** The HTTP service, for `app.use("/chat", chat.handler)` or as a request listener of `node:http`. */
  readonly handler: NodeHandler;
  /** The HTTP service as a function from Request to Response. */
  fetch(request: Request): Promise<Response>;
  /**
   * Takes WebSocket connections for one path on the application's HTTP server. Other upgrades stay the application's.
   * @returns detaches again; open connections stay
   */
  attach(server: Server, options: { readonly path: string }): () => void;
  /** Serves one socket of any other kind: what `attach` does for those of `ws`. */
  accept(socket: Socket, peer: Peer): SocketReceiver;
  /**
   * Closes the open connections of a user or a device, on this server at once, and on the others by the fan-out, where there is
   * one. The devices connect again by themselves, and `authenticate` is asked again: to shut somebody out, have it
   * refuse their tokens first, then call this. Fan-out may lose it; what ends a connection in any case is its token's `expiresAt`.
   * @throws ChatError `invalid_argument`; `store_unavailable` if the other servers could not be told: call it again
   */
  disconnect(whom: Disconnection): Promise<void>;
  /**
   * Resolves when the store is open and the server takes part.
   * @throws ChatError with a sentence for the operator; the server answers every request with it until closed
   */
  ready(): Promise<void>;
  /**
   * Acts in the name of a user, with the user's rights: see {@link ChatActor}.
   * @param options `deviceId`: a UUID that idempotency keys belong to; one for all server-side calls by default
   * @throws ChatError `invalid_argument`
   */
  as(userId: string, options?: { readonly deviceId?: string }): ChatActor;
  /**
   * The application itself, as `SYSTEM_USER`: may everything in every conversation and is a member of none. Its entries have
   * that senderId; hooks are not called for it.
   */
  readonly system: ChatActor;
  /**
   * Writes drafts of {@link ChatActor.draft} into a transaction that the application has open on the store's database: they are sent if it
   * commits, once and in their order, and else nothing happens. Needs the option `outbox`. See docs/guides/send-with-your-own-rows.md.
   * @param transaction SQLite: the handle of better-sqlite3, where the drafts are written, or an error is thrown, before this returns; PostgreSQL: the client of
   * `pg`; MySQL: the connection of `mysql2/promise`
   * @throws ChatError `invalid_argument`; what the driver throws
   */
  enqueue(transaction: unknown, ...drafts: readonly OutboxDraft[]): Promise<void>;
  /**
   * Erases everything that a user wrote, in every conversation and on every device and what is still in `chat_outbox`, and empties the profile.
   * Resolves when the words are gone from the store's files, too. A crash in between is made up for by the next server
   * that starts, or by the same call again. See docs/guides/erase.md.
   * @throws ChatError `invalid_argument`, `store_unavailable`
   */
  eraseUser(userId: string, options?: ErasureOptions): Promise<Erasure>;
  /**
   * How long one conversation keeps its entries, in place of the settings `retentionAge` and `retentionCount`;
   * `undefined` takes it back. What is too old goes with the next round.
   * @throws ChatError `not_found`, `invalid_argument`, `store_unavailable`
   */
  setRetention(conversationId: string, retention: Partial<Retention> | undefined): Promise<void>;
  /**
   * Everything that was and will be stored, in the order of the commits: for search indexes, webhooks, analytics. Keep the
   * cursor of what was dealt with, and go on `after` it; entries come at least once, and in order within a conversation.
   * It goes on until it is left (`break`), its signal fires or the server is closed.
   * @throws ChatError `cursor_invalid`, `store_unavailable`
   */
  changes(options?: FollowOptions): AsyncIterableIterator<LoggedEntry>;
  /**
   * A whole conversation as JSON Lines, see docs/guides/export-and-import.md: for `pipeline(lines, file)`. Read from the store no faster than
   * it is taken; entries are as they are then, and what is redacted meanwhile is said at the end.
   * @throws ChatError `not_found`, `store_unavailable`
   */
  exportConversation(conversationId: string): AsyncIterableIterator<string>;
  /**
   * What is kept of a user (profile, privacy and blocked users, last presence, push subscriptions) and all that the user may see, or wrote, in every
   * conversation that they ever were in: as JSON Lines like {@link ChatServer.exportConversation}.
   * @throws ChatError `invalid_argument`, `store_unavailable`
   */
  exportUser(userId: string, options?: ExportUserOptions): AsyncIterableIterator<string>;
  /**
   * Imports conversations and messages from elsewhere, in the order of the rows and with the times of their own. Each is stored once, however
   * often it is imported: repeat an import that was interrupted. See docs/guides/export-and-import.md.
   * @param rows read no faster than they are stored
   * @throws ChatError of the first refused row, if nobody listens to `onRefused`; `store_unavailable`, `aborted`
   */
  importHistory(rows: ImportRows, options?: ImportOptions): Promise<ImportProgress>;
  /** Open connections. */
  readonly connections: number;
  /**
   * Ends gracefully: tells the devices when to come back, finishes what is under way, closes sockets and store.
   * What the application brought (HTTP server, database handle) stays open.
   */
  close(): Promise<void>;
}
