import type { FrameOf } from "../frame.js";
import { addMembers } from "./add-members.js";
import { changes } from "./changes.js";
import { conversation } from "./conversation.js";
import { conversationChanged } from "./conversation-changed.js";
import { conversations } from "./conversations.js";
import { countReceipts } from "./count-receipts.js";
import { createConversation } from "./create-conversation.js";
import { entries } from "./entries.js";
import { error } from "./error.js";
import { getConversation } from "./get-conversation.js";
import { getPush } from "./get-push.js";
import { getRange } from "./get-range.js";
import { getUsers } from "./get-users.js";
import { goingAway } from "./going-away.js";
import { headMoved } from "./head-moved.js";
import { hello } from "./hello.js";
import { listChanges } from "./list-changes.js";
import { listConversations } from "./list-conversations.js";
import { listMembers } from "./list-members.js";
import { members } from "./members.js";
import { messageStored } from "./message-stored.js";
import { muteConversation } from "./mute-conversation.js";
import { ownReceiptChanged } from "./own-receipt-changed.js";
import { ping } from "./ping.js";
import { pong } from "./pong.js";
import { presenceChanged } from "./presence-changed.js";
import { presences } from "./presences.js";
import { privacy } from "./privacy.js";
import { privacyChanged } from "./privacy-changed.js";
import { push } from "./push.js";
import { range } from "./range.js";
import { receiptCounts } from "./receipt-counts.js";
import { receipts } from "./receipts.js";
import { receiptsChanged } from "./receipts-changed.js";
import { redactMessage } from "./redact-message.js";
import { refreshToken } from "./refresh-token.js";
import { removeMembers } from "./remove-members.js";
import { sendMessage } from "./send-message.js";
import { sendReceipts } from "./send-receipts.js";
import { setConversationPrivacy } from "./set-conversation-privacy.js";
import { setPresence } from "./set-presence.js";
import { setPrivacy } from "./set-privacy.js";
import { setProfile } from "./set-profile.js";
import { setPush } from "./set-push.js";
import { setRole } from "./set-role.js";
import { setTyping } from "./set-typing.js";
import { updateConversation } from "./update-conversation.js";
import { tokenExpiring } from "./token-expiring.js";
import { tokenRefreshed } from "./token-refreshed.js";
import { typingChanged } from "./typing-changed.js";
import { userChanged } from "./user-changed.js";
import { users } from "./users.js";
import { watchPresence } from "./watch-presence.js";
import { welcome } from "./welcome.js";

/** What a device may send. */
export const CLIENT_FRAMES = [
  hello,
  ping,
  sendMessage,
  getRange,
  listConversations,
  listChanges,
  createConversation,
  getConversation,
  addMembers,
  removeMembers,
  listMembers,
  getUsers,
  setProfile,
  updateConversation,
  setRole,
  redactMessage,
  sendReceipts,
  countReceipts,
  setTyping,
  refreshToken,
  watchPresence,
  setPresence,
  muteConversation,
  setPrivacy,
  setConversationPrivacy,
  getPush,
  setPush,
] as const;

/** What a server may send. */
export const SERVER_FRAMES = [
  welcome,
  pong,
  error,
  messageStored,
  range,
  conversations,
  changes,
  conversation,
  members,
  users,
  receipts,
  receiptCounts,
  presences,
  privacy,
  push,
  tokenRefreshed,
  entries,
  conversationChanged,
  userChanged,
  goingAway,
  receiptsChanged,
  ownReceiptChanged,
  typingChanged,
  presenceChanged,
  privacyChanged,
  headMoved,
  tokenExpiring,
] as const;

/** Any frame of a device. */
export type ClientFrame = FrameOf<(typeof CLIENT_FRAMES)[number]>;
/** Any frame of a server. */
export type ServerFrame = FrameOf<(typeof SERVER_FRAMES)[number]>;

export type { HelloFrame } from "./hello.js";
export type { PingFrame } from "./ping.js";
export type { SendMessageFrame } from "./send-message.js";
export type { GetRangeFrame } from "./get-range.js";
export type { ListConversationsFrame } from "./list-conversations.js";
export type { ListChangesFrame } from "./list-changes.js";
export type { CreateConversationFrame } from "./create-conversation.js";
export type { GetConversationFrame } from "./get-conversation.js";
export type { AddMembersFrame } from "./add-members.js";
export type { RemoveMembersFrame } from "./remove-members.js";
export type { ListMembersFrame } from "./list-members.js";
export type { GetUsersFrame } from "./get-users.js";
export type { SetProfileFrame } from "./set-profile.js";
export type { UpdateConversationFrame } from "./update-conversation.js";
export type { SetRoleFrame } from "./set-role.js";
export type { RedactMessageFrame } from "./redact-message.js";
export type { SendReceiptsFrame } from "./send-receipts.js";
export type { CountReceiptsFrame } from "./count-receipts.js";
export type { GetPushFrame } from "./get-push.js";
export type { SetPushFrame } from "./set-push.js";
export type { PushFrame } from "./push.js";
export type { SetTypingFrame } from "./set-typing.js";
export type { WatchPresenceFrame } from "./watch-presence.js";
export type { SetPresenceFrame } from "./set-presence.js";
export type { SetPrivacyFrame } from "./set-privacy.js";
export type { PrivacyFrame } from "./privacy.js";
export type { PrivacyChangedFrame } from "./privacy-changed.js";
export type { WelcomeFrame } from "./welcome.js";
export type { PongFrame } from "./pong.js";
export type { ErrorFrame } from "./error.js";
export type { MessageStoredFrame } from "./message-stored.js";
export type { RangeFrame } from "./range.js";
export type { ConversationsFrame } from "./conversations.js";
export type { ChangesFrame } from "./changes.js";
export type { ConversationFrame } from "./conversation.js";
export type { MembersFrame } from "./members.js";
export type { UsersFrame } from "./users.js";
export type { ReceiptsFrame } from "./receipts.js";
export type { ReceiptCountsFrame } from "./receipt-counts.js";
export type { ReceiptsChangedFrame } from "./receipts-changed.js";
export type { OwnReceiptChangedFrame } from "./own-receipt-changed.js";
export type { HeadMovedFrame } from "./head-moved.js";
export type { TypingChangedFrame } from "./typing-changed.js";
export type { PresencesFrame } from "./presences.js";
export type { PresenceChangedFrame } from "./presence-changed.js";
export type { EntriesFrame } from "./entries.js";
export type { ConversationChangedFrame } from "./conversation-changed.js";
export type { UserChangedFrame } from "./user-changed.js";
export type { GoingAwayFrame } from "./going-away.js";
export type { RefreshTokenFrame } from "./refresh-token.js";
export type { TokenRefreshedFrame } from "./token-refreshed.js";
export type { TokenExpiringFrame } from "./token-expiring.js";
