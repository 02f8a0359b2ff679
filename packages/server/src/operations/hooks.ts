import {
  type Cancel,
  ChatError,
  isChatError,
  type JsonObject,
  type Role,
  type Runtime,
} from "@chat/protocol";
import type { StoredEntry } from "../store/stored-entry.js";
import type { Caller } from "./operation-context.js";

/** The operations, by the names of their requests on the wire. */
export type OperationName =
  | "send-message"
  | "get-range"
  | "list-conversations"
  | "list-changes"
  | "create-conversation"
  | "get-conversation"
  | "update-conversation"
  | "list-members"
  | "add-members"
  | "remove-members"
  | "set-role"
  | "redact-message"
  | "get-users"
  | "set-profile";

/** What an operation concerns, as far as it concerns such. */
export interface OperationSubject {
  readonly operation: OperationName;
  readonly conversationId?: string;
  /** Who is added, removed or given a role; whose profiles are read; with whom a conversation is created. */
  readonly members?: readonly string[];
  readonly role?: Role;
}

/** An operation that the rules of the engine allow, and that is about to be carried out. */
export interface OperationRequest extends OperationSubject {
  readonly userId: string;
  /** A UUID. */
  readonly deviceId: string;
  /** Fires when the answer would come too late. */
  readonly signal: AbortSignal;
}

/**
 * The application's own rules, on top of the engine's: false, or a rejection with a ChatError, refuses the operation.
 * Called for every operation of every user, also for those of `chat.as(userId)`; not for the system's own.
 */
export type Authorize = (request: OperationRequest) => boolean | void | Promise<boolean | void>;

/** A message that is about to be stored. */
export interface OutgoingMessage {
  readonly conversationId: string;
  readonly senderId: string;
  /** A UUID. */
  readonly deviceId: string;
  /** The idempotency key, a UUID. */
  readonly clientMessageId: string;
  /** `text`, or the application's own. */
  readonly kind: string;
  readonly text?: string;
  readonly data?: JsonObject;
  readonly replyTo?: number;
  /** Fires when the answer would come too late. */
  readonly signal: AbortSignal;
}

/** What a message says. */
export interface RewrittenMessage {
  readonly text?: string;
  readonly data?: JsonObject;
}

/**
 * Sees a message before it is stored. Nothing leaves it as it is; text and data that are returned take the place of its own, on
 * the sender's device too; a rejection with a ChatError refuses it, and the sender sees its code and sentence.
 * Not called for a message that is stored already, nor for the system's own.
 */
export type BeforeSend = (
  message: OutgoingMessage,
) => RewrittenMessage | void | Promise<RewrittenMessage | void>;

/**
 * Told of a message after it was stored and acknowledged. Best effort: not after a crash, and not when too many are under way.
 * What must not be missed follows the log instead. Not called for the system's own.
 */
export type AfterSend = (message: StoredEntry) => unknown;

/** The application's hooks; each may be left out. */
export interface HookOptions {
  readonly authorize?: Authorize;
  readonly beforeSend?: BeforeSend;
  readonly afterSend?: AfterSend;
}

/** Calls of `afterSend` under way; beyond it they are left out. */
const AFTER_SEND_UNDER_WAY = 1_000;

/** Calls the application's hooks, each within the deadline. */
export class Hooks {
  #afterSendUnderWay = 0;

  constructor(
    private readonly runtime: Runtime,
    private readonly options: HookOptions,
    /** ms. */
    private readonly deadline: number,
  ) {}

  /** True if something is asked of the application before a message of this caller is stored. */
  watchesSends({ isSystem }: Caller): boolean {
    const { authorize, beforeSend } = this.options;
    return isSystem !== true && (authorize ?? beforeSend) !== undefined;
  }

  /** @throws ChatError `forbidden`, the application's own, `overloaded` if it took too long */
  async authorize({ userId, deviceId, isSystem }: Caller, subject: OperationSubject): Promise<void> {
    const { authorize } = this.options;
    if (authorize === undefined || isSystem === true) return;
    const isAllowed = await this.#within(async (signal) =>
      authorize({ ...subject, userId, deviceId, signal }),
    );
    if (isAllowed === false) throw new ChatError("forbidden", "This application does not allow it.");
  }

  /**
   * What is to be stored of a message.
   * @throws ChatError the application's own, `overloaded` if it took too long
   */
  async beforeSend(caller: Caller, message: Omit<OutgoingMessage, "signal">): Promise<RewrittenMessage> {
    const { beforeSend } = this.options;
    const { text, data } = message;
    const asSent = { ...(text !== undefined && { text }), ...(data !== undefined && { data }) };
    if (beforeSend === undefined || caller.isSystem === true) return asSent;
    return (await this.#within(async (signal) => beforeSend({ ...message, signal }))) ?? asSent;
  }

  /** Never throws, never waits. */
  afterSend(caller: Caller, entry: StoredEntry): void {
    const { afterSend } = this.options;
    if (afterSend === undefined || caller.isSystem === true) return;
    if (this.#afterSendUnderWay >= AFTER_SEND_UNDER_WAY) {
      this.runtime.log("warn", "after_send_left_out", { conversationId: entry.conversationId });
      return;
    }
    this.#afterSendUnderWay++;
    Promise.resolve(entry)
      .then(afterSend)
      .catch((error: unknown) => {
        this.runtime.log("warn", "after_send_failed", {
          conversationId: entry.conversationId,
          code: isChatError(error) ? error.code : "internal",
        });
      })
      .finally(() => this.#afterSendUnderWay--);
  }

  async #within<T>(ask: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    let cancel: Cancel = () => {};
    const late = new Promise<never>((_, reject) => {
      cancel = this.runtime.clock.schedule(this.deadline, () => {
        controller.abort();
        reject(new ChatError("overloaded", "The application took too long to decide; try again."));
      });
    });
    try {
      return await Promise.race([ask(controller.signal), late]);
    } catch (error) {
      if (isChatError(error)) throw error;
      throw new ChatError("internal", "The server failed; try again.", { cause: error });
    } finally {
      cancel();
    }
  }
}
