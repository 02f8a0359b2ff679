export { ChatError, type ChatErrorOptions, isChatError } from "./chat-error.js";
export { CLOSE_CODES, type CloseReason } from "./close-code.js";
export {
  type Codec,
  createClientCodec,
  createServerCodec,
  type InvalidFrame,
  type ServerCodec,
  type UnknownFrame,
} from "./codec.js";
export {
  CONVERSATION_TYPES,
  type ConversationRow,
  type ConversationType,
  HISTORY_VISIBILITIES,
  type HistoryVisibility,
  type LatestMessage,
  type Role,
  ROLES,
} from "./conversation-row.js";
export type { EncodedRun } from "./encoded-run.js";
export { assertData, type JsonObject, type JsonValue } from "./data.js";
export type { Entry } from "./entry.js";
export {
  ENTRY_KINDS,
  isSendableKind,
  kindOf,
  type Redaction,
  redactionOf,
  tombstoneOf,
} from "./entry-kinds.js";
export { ERROR_CODES, type ErrorCode, isErrorCode } from "./error-code.js";
export type * from "./frames/index.js";
export {
  assertId,
  isId,
  isUuid,
  newUuid,
  SYSTEM_USER,
  utf8Length,
  uuidFromBytes,
  uuidToBytes,
} from "./ids.js";
export { joinFrames } from "./join-frames.js";
export { LIMITS } from "./limits.js";
export { assertMentions } from "./mentions.js";
export type { ConversationPrivacy, MemberReceipt, Mute, OwnReceipt, Receipt, UnreadMark } from "./receipt.js";
export {
  type Cancel,
  type Clock,
  type Logger,
  type LogLevel,
  type Random,
  type Runtime,
  systemRuntime,
} from "./runtime.js";
export { assertText, firstCharacters, fitsCharacters, isWellFormed } from "./text.js";
export { PRESENCE_STATUSES, type PresenceStatus, type UserPresence } from "./user-presence.js";
export { DEFAULT_PRIVACY } from "./default-privacy.js";
export type { UserPrivacy } from "./user-privacy.js";
export type { UserProfile } from "./user-profile.js";
export { PROTOCOL_MINOR, SUBPROTOCOL } from "./version.js";
