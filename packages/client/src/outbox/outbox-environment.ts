import type { Entry, Runtime } from "@chat/protocol";
import type { CacheChanges } from "../cache/cache.js";
import type { Ask } from "../connection/requests.js";

/** What the outbox needs of its surroundings. */
export interface OutboxEnvironment {
  readonly runtime: Runtime;
  readonly ask: Ask;
  commit(changes: CacheChanges, durability: "strict"): Promise<void>;
  /** Code points of one message's text that the server accepts. */
  textCharacters(): number;
  /** The server has stored it as this entry. It stays in the outbox until that is committed. */
  acknowledged(entry: Entry, conversationId: string): void;
  /** A message had no answer in time: asks for a new connection. */
  stuck(): void;
  /** What waits in a conversation changed. */
  changed(conversationId: string): void;
}
