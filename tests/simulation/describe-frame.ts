import type {
  ClientFrame,
  ConversationRow,
  Entry,
  InvalidFrame,
  ServerFrame,
  UnknownFrame,
} from "@chat/protocol";

function entriesOf(entries: readonly Entry[]): string {
  return entries.map(({ messageId, text, kind }) => `${messageId}:${text ?? kind ?? "?"}`).join(" ");
}

function rowOf({ conversationId, head, member, memberCount, joinedAt }: ConversationRow): string {
  return `${conversationId}@${head}${member ? "" : " former"} (${memberCount}, since ${joinedAt})`;
}

/** A frame in a few words, for a trace that people read. */
export function describeFrame(frame: ClientFrame | ServerFrame | UnknownFrame | InvalidFrame): string {
  switch (frame.type) {
    case "send-message":
      return `send ${frame.conversationId} ${frame.text ?? "data"}${frame.first === true ? " first" : ""} #${frame.requestId}`;
    case "message-stored":
      return `stored ${frame.messageId} #${frame.requestId}`;
    case "entries":
      return `push ${frame.conversationId} (${frame.after},${frame.through}] ${entriesOf(frame.entries)}`;
    case "range":
      return `range (${frame.after},${frame.through}] of ${frame.head} ${entriesOf(frame.entries)} #${frame.requestId}`;
    case "get-range":
      return `get-range ${frame.conversationId} ${JSON.stringify({ ...frame, type: undefined, conversationId: undefined })}`;
    case "conversation-changed":
    case "conversation":
      return `${frame.type} ${rowOf(frame.row)}`;
    case "conversations":
    case "changes":
      return `${frame.type} ${frame.rows.map(rowOf).join(", ")} cursor ${frame.cursor} #${frame.requestId}`;
    case "error":
      return `error ${frame.code} #${frame.requestId} ${frame.message}`;
    case "pong":
      return `pong ${frame.heads.map(({ conversationId, head }) => `${conversationId}@${head}`).join(" ")} ${frame.cursor ?? "-"}`;
    case "add-members":
    case "remove-members":
    case "create-conversation":
      return `${frame.type} ${frame.conversationId} ${frame.members.join(",")} #${frame.requestId}`;
    case "send-receipts":
    case "receipts":
    case "receipts-changed":
    case "own-receipt-changed": {
      const { type, ...rest } = frame;
      return `${type} ${JSON.stringify(rest)}`;
    }
    case "welcome":
      return `welcome epoch ${frame.epoch.slice(0, 8)}`;
    case "hello":
      return `hello ${frame.deviceId.slice(0, 8)}`;
    case "invalid":
      return `invalid ${frame.code} ${frame.error.message}`;
    default:
      return `${frame.type}${"requestId" in frame ? ` #${frame.requestId}` : ""}`;
  }
}
