import type { Runtime, UserPrivacy, UserProfile } from "@chat/protocol";
import type { MovedReceipts } from "../delivery/receipt-sender.js";
import type { Presence } from "../delivery/presence/presence.js";
import type { Recipient } from "../delivery/recipient.js";
import type { Typing } from "../delivery/typing.js";
import type { ServerDirectory } from "../discovery/server-directory.js";
import type { PushProvider } from "../push/push-provider.js";
import type { ServerSettings } from "../settings.js";
import type { ConversationStore } from "../store/conversation-store.js";
import type { IdempotencyKey, MessageStore } from "../store/message-store.js";
import type { PushStore } from "../store/push-store.js";
import type { StoredEntry } from "../store/stored-entry.js";
import type { Hooks } from "./hooks.js";
import type { OneAtATime } from "./one-at-a-time.js";
import type { SharedParticipations } from "./shared-participations.js";

/** What every operation works with. */
export interface OperationContext {
  readonly runtime: Runtime;
  readonly settings: ServerSettings;
  readonly messages: MessageStore;
  readonly conversations: ConversationStore;
  readonly pushes: PushStore;
  /** By their names; none where the server sends no pushes. */
  readonly pushProviders: ReadonlyMap<string, PushProvider>;
  /** What members may see of large groups. */
  readonly participations: Pick<SharedParticipations, "of">;
  /** Appends that a membership change overtook take turns here, by conversation. */
  readonly contested: OneAtATime;
  /** Looks through what was said last take turns here, by user. */
  readonly lookBacks: OneAtATime;
  readonly hooks: Hooks;
  /** Which servers a device may connect to. */
  readonly directory: ServerDirectory;
  /** Who is there. */
  readonly presence: Presence;
  /** Delivers entries that were stored just now. */
  publish(entries: readonly StoredEntry[]): void;
  /** Tells whom it concerns how far members have come. */
  receiptsMoved(moved: MovedReceipts): void;
  /** Tells the other members who are connected that one is writing. */
  typing(typing: Typing): void;
  /** Whom a user has blocked who is connected to this server; undefined for others. */
  blockedBy(userId: string): readonly string[] | undefined;
  /** Tells a user's devices what the user tells others now. */
  privacyChanged(userId: string, privacy: UserPrivacy): void;
  /** Tells a session of changes of these users' profiles from now on. */
  watchUsers(session: Recipient, userIds: readonly string[]): void;
  /** Tells whom it concerns of a changed profile. */
  userChanged(profile: UserProfile): void;
}

/** Who asks for an operation. */
export interface Caller {
  readonly userId: string;
  /** A UUID. */
  readonly deviceId: string;
  /** True for the application itself, which may do everything in every conversation, and is a member of none. */
  readonly isSystem?: boolean;
}

/** Whose view of conversations a caller has; undefined for the system, which sees all. */
export function viewerOf({ userId, isSystem }: Caller): string | undefined {
  return isSystem === true ? undefined : userId;
}

/** The idempotency key of what a caller does in a conversation. */
export function keyOf(caller: Caller, conversationId: string, clientMessageId: string): IdempotencyKey {
  return { conversationId, senderId: caller.userId, deviceId: caller.deviceId, clientMessageId };
}
