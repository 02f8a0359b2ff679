import type { ConversationType, JsonObject } from "@chat/protocol";

/** What a user is told of a message that none of the user's devices has taken. */
export interface PushNotification {
  /** Who is told. */
  readonly userId: string;
  readonly conversationId: string;
  readonly conversationType: ConversationType;
  readonly conversationName?: string;
  /** The newest message that waits; of several the newest that mentions the user. */
  readonly messageId: number;
  readonly senderId: string;
  readonly senderName?: string;
  /** `text`, or the application's own. */
  readonly kind: string;
  /** The first 160 characters. */
  readonly text?: string;
  /** Wall-clock ms. */
  readonly createdAt: number;
  /** How many messages of the conversation the user has not read. */
  readonly unread: number;
  /** True if the message mentions the user. */
  readonly mention?: true;
}

/** One push, as a provider sends it. */
export interface Push {
  /** What {@link PushProvider.accept} has made of the device's subscription. */
  readonly target: JsonObject;
  /** What the device's application gets. */
  readonly payload: JsonObject;
  /** Of pushes with the same key a device needs the last one only: 32 characters of the URL-safe base64 alphabet, per conversation. */
  readonly collapseKey: string;
  /** How long it is worth something to a device that is away, ms. */
  readonly timeToLive: number;
}

/**
 * What became of a push. `gone`: nobody is at the target any more, and the subscription is removed. `failed`: tried again
 * a few times if it is `retryable`, at the earliest after `retryAfter` ms.
 */
export type PushOutcome =
  | { readonly status: "sent" }
  | { readonly status: "gone" }
  | {
      readonly status: "failed";
      readonly retryable: boolean;
      readonly retryAfter?: number;
      /** For the log: a word or a status code, nothing of the target. */
      readonly reason: string;
    };

/** A way to reach devices that are not connected: Web Push is built in, see `@chat/server/web-push`. */
export interface PushProvider {
  /** Up to 64 of a–z, 0–9 and hyphens; stands in every subscription. */
  readonly name: string;
  /** What a device needs to know in order to subscribe, and everybody may know. */
  readonly publicKey?: string;
  /**
   * Checks what a device has sent as its subscription. What comes back as `target` is kept and handed to `send`; `address`
   * names the place, so that it belongs to one user at a time.
   * @throws ChatError `invalid_argument`, with a sentence that says what is wrong
   */
  accept(target: JsonObject): { readonly address: string; readonly target: JsonObject };
  /** Sends one push. A rejection counts as a failure that may be tried again. @param signal fires when it takes too long */
  send(push: Push, signal: AbortSignal): Promise<PushOutcome>;
}

/** Pushes of a server. */
export interface PushOptions {
  readonly providers: readonly PushProvider[];
  /**
   * What devices get for a notification; nothing, a rejection, or no answer within 10 s, and there is no push. By default the notification without its `userId`.
   * For words in the user's language, for hiding the text from the lock screen.
   */
  readonly compose?: (
    notification: PushNotification,
  ) => JsonObject | undefined | Promise<JsonObject | undefined>;
}
