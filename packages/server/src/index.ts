export {
  ChatError,
  type ConversationRow,
  type Entry,
  type ErrorCode,
  type HistoryVisibility,
  isChatError,
  type Logger,
  type Role,
  SYSTEM_USER,
  type UserProfile,
} from "@chat/protocol";
export type { AllowedOrigins } from "./admission/allowed-origins.js";
export type { CounterName, GaugeName, HistogramName, Metrics } from "./admission/metrics.js";
export type { ActOptions, ChatActor, HistoryQuery, MessageContent, PageQuery } from "./api/chat-actor.js";
export type { ChatServerOptions } from "./chat-server-options.js";
export type { ChatServer } from "./chat-server.js";
export { createChatServer } from "./create-chat-server.js";
export type { AnnouncedServer, Discovery } from "./discovery/discovery.js";
export { inProcessDiscovery } from "./discovery/in-process-discovery.js";
export type { Fanout } from "./fanout/fanout.js";
export { inProcessFanout } from "./fanout/in-process-fanout.js";
export { regionalFanout, type RegionalFanoutOptions } from "./fanout/regional-fanout.js";
export type { NodeHandler } from "./mount/node-handler.js";
export type { ConversationPrivacyChange, PrivacyChoice } from "./operations/set-privacy.js";
export type { RangeAnswer } from "./operations/get-range.js";
export type {
  AfterSend,
  Authorize,
  BeforeSend,
  MayObserve,
  ObserveRequest,
  OperationName,
  OperationRequest,
  OutgoingMessage,
  RewrittenMessage,
} from "./operations/hooks.js";
export type { Push, PushNotification, PushOptions, PushOutcome, PushProvider } from "./push/push-provider.js";
export { inProcessRegistry } from "./registry/in-process-registry.js";
export type { Registry, ServerIdentity, SessionRecord } from "./registry/registry.js";
export type { Authenticate, Authenticated, AuthenticateRequest } from "./session/authenticate.js";
export type { Disconnection } from "./session/disconnection.js";
export type { SocketReceiver } from "./session/session-host.js";
export type { Peer, Socket } from "./session/socket.js";
export { DEFAULT_SETTINGS, type ServerSettings } from "./settings.js";
export { advanceReceipt, concernsOthers, type KeptReceipt } from "./store/advance-receipt.js";
export { chainFingerprint } from "./store/chain-fingerprint.js";
export { changePrivacy } from "./store/change-privacy.js";
export type { ChatStore, FollowingStore, StoreInfo, StoreOptions } from "./store/chat-store.js";
export { combineStores, type CombinedStores } from "./store/combined/combine-stores.js";
export type {
  ConversationChanges,
  ConversationPage,
  ConversationStore,
  ReceiptAdvance,
  ReceiptCounts,
  AdvancedReceipt,
  Blocks,
  Interval,
  KeptPresence,
  Member,
  MemberOf,
  NewConversation,
  Page,
  Participation,
  PrivacyChange,
  StoreChanges,
  ToldReceipt,
} from "./store/conversation-store.js";
export type { Housekeeping, LogPage, Retention, RetentionCandidate } from "./store/housekeeping.js";
export type { Erasure, ErasureOptions, ErasureProgress } from "./operations/erase-user.js";
export type {
  ExportedConversation,
  ExportedEntry,
  ExportLine,
  ExportUserOptions,
} from "./operations/export-history.js";
export type { FollowOptions, LoggedEntry } from "./operations/follow-log.js";
export type { ImportOptions, ImportProgress, ImportRows, RefusedRow } from "./operations/import-history.js";
export type { ImportedConversation, ImportedMessage, ImportRow } from "./operations/import-row.js";
export type {
  FollowedPage,
  FollowedSpan,
  LogFollower,
  Mark,
  Standing,
  Standings,
} from "./store/log-follower.js";
export type { MessageLog, PendingDraft } from "./store/message-log.js";
export type {
  AppendOutcome,
  ConversationUpdate,
  Draft,
  Head,
  IdempotencyKey,
  MembershipChange,
  MessageStore,
  ReadQuery,
  RedactionTarget,
} from "./store/message-store.js";
export type { OutboxDraft, OutboxStore, QueuedDraft } from "./store/outbox-store.js";
export type { PushLead, PushStore, PushSubscription } from "./store/push-store.js";
export type { StoredEntry } from "./store/stored-entry.js";
