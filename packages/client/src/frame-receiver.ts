import { ChatError, type ServerFrame, type UserPrivacy } from "@chat/protocol";
import type { Requests } from "./connection/requests.js";
import type { ListSync } from "./sync/list-sync.js";
import type { News } from "./sync/news.js";
import type { Replicas } from "./sync/replicas.js";
import type { TabNotice } from "./tabs/device.js";
import type { TypingUsers } from "./users/typing.js";
import type { Users } from "./users/user-directory.js";

/** Who takes what the server sends. */
export interface FrameReceiverEnvironment {
  readonly token: string | (() => string | Promise<string>);
  readonly requests: Requests;
  readonly listSync: ListSync;
  readonly replicas: Pick<Replicas, "receipts" | "ownReceipt">;
  readonly users: Pick<Users<object>, "take">;
  readonly typing: Pick<TypingUsers, "heard">;
  readonly news: Pick<News, "heard">;
  privacy(privacy: UserPrivacy): void;
  pushed(frame: Extract<ServerFrame, { readonly type: "presence-changed" }>): void;
  /** Tells the other tabs. */
  tell(notice: TabNotice): void;
  report(error: unknown): void;
}

/** Hands each frame of the server to whom it concerns. */
export interface FrameReceiver {
  received(frame: ServerFrame): void;
  /** The connection is gone. */
  lost(): void;
}

export function createFrameReceiver(environment: FrameReceiverEnvironment): FrameReceiver {
  const { token, requests, listSync, replicas, users, typing, news, pushed, tell, report } = environment;
  let refreshing = false;

  /** While this connection lasts, for a token that is made anew; the server asks again should it not come. */
  async function refreshToken(): Promise<void> {
    if (typeof token !== "function" || refreshing) return;
    refreshing = true;
    try {
      await requests.ask({ type: "refresh-token", token: await token() }, { mode: "once" });
    } catch (error) {
      report(error);
    }
    refreshing = false;
  }

  return {
    received(frame) {
      switch (frame.type) {
        case "entries":
          return listSync.entries(frame.conversationId, frame);
        case "head-moved":
          return news.heard(frame);
        case "conversation-changed":
          return void listSync.row(frame.row);
        case "user-changed":
          return users.take([frame.profile]);
        case "pong":
          return void listSync.pong(frame);
        case "token-expiring":
          return void refreshToken();
        case "receipts-changed":
          return replicas.receipts(frame.conversationId, frame.receipts);
        case "own-receipt-changed":
          return replicas.ownReceipt(frame.receipt);
        case "typing-changed":
          tell({ typing: frame });
          return typing.heard(frame);
        case "presence-changed":
          tell({ pushed: frame });
          return pushed(frame);
        case "privacy-changed":
          return environment.privacy(frame.privacy);
        case "going-away":
          return;
        case "error":
          return requests.answer(frame.requestId, new ChatError(frame.code, frame.message, frame));
        default:
          requests.answer(frame.requestId, frame);
      }
    },

    lost() {
      refreshing = false;
    },
  };
}
