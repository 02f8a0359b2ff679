export {
  ChatError,
  type ErrorCode,
  isChatError,
  type JsonObject,
  type JsonValue,
  SYSTEM_USER,
} from "@chat/protocol";
export type { Cache } from "./cache/cache.js";
export { createChatClient } from "./chat-client.js";
export type { NetworkSignals } from "./connection/network-signals.js";
export type { Socket, Transport } from "./connection/socket.js";
export type {
  ChatClient,
  ChatClientEvents,
  ChatClientOptions,
  ClientStatus,
  Completeness,
  Conversation,
  ConversationList,
  ConversationSummary,
  CustomData,
  DataOf,
  Member,
  MessageContent,
  Page,
  PageOptions,
  Privacy,
  ReceiptCounts,
  PagingOptions,
  PushState,
  PushTarget,
  MuteOptions,
  RequestOptions,
  SendOptions,
  SentMessage,
  Timeline,
  TimelineMessage,
  TimelineWindow,
  Unsubscribe,
  User,
  UserDirectory,
  WindowOptions,
} from "./public-types.js";
