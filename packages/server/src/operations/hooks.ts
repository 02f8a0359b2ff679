import {
  ChatError,
  isChatError,
  isWellFormed,
  type JsonObject,
  LIMITS,
  type Role,
  type Runtime,
  utf8Length,
} from "@chat/protocol";
import { inTime } from "../in-time.js";
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
  | "send-receipts"
  | "list-receipts"
  | "set-typing"
  | "mute-conversation"
  | "get-privacy"
  | "set-privacy"
  | "set-conversation-privacy"
  | "get-presence"
  | "set-presence"
  | "get-push"
  | "set-push"
  | "get-users"
  | "set-profile"
  | "list-servers";

/** What an operation concerns, as far as it concerns such. */
export interface OperationSubject {
  readonly operation: OperationName;
  readonly conversationId?: string;
  /** Who is added, removed or given a role; whose profiles or presence are read; with whom a conversation is created. */
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
 * The application's own rules, on top of the engine's: true and nothing allow the operation; false, or a rejection with a
 * ChatError, refuse it. Anything else is a defect of the application, and the operation fails as `internal`.
 * Not called for what was carried out already, when it is asked for again under its key.
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
  /** User ids, as the device has sent them: whether they are members is checked afterwards. */
  readonly mentions?: readonly string[];
  /** Fires when the answer would come too late. */
  readonly signal: AbortSignal;
}

/** What a message says. */
export interface RewrittenMessage {
  readonly text?: string;
  readonly data?: JsonObject;
  /** Absent: those of the message stay; an empty list takes them away. */
  readonly mentions?: readonly string[];
}

/**
 * Sees a message before it is stored. Nothing leaves it as it is; text and data that are returned take the place of its own, as mentions do, on
 * the sender's device too; a rejection with a ChatError refuses it, and the sender sees its code and sentence.
 * Not called for a message that is stored already, nor for the system's own.
 */
export type BeforeSend = (
  message: OutgoingMessage,
) => RewrittenMessage | void | Promise<RewrittenMessage | void>;

/**
 * Told of a message once it is stored; the acknowledgement does not wait for it. Best effort: not after a crash, and not when
 * too many are under way. What must not be missed follows the log instead. Not called for the system's own.
 */
export type AfterSend = (message: StoredEntry) => unknown;

/** One user wants to see whether others are there. */
export interface ObserveRequest {
  readonly userId: string;
  /** Whom; up to 200, never the user. */
  readonly others: readonly string[];
  /** Fires when the answer would come too late. */
  readonly signal: AbortSignal;
}

/**
 * Whom of the others the user may see. In place of the engine's rule, by which one sees those with whom one shares a conversation.
 * Asked when somebody begins to look, and every 5 minutes while they do. Not asked by the application's own `chat.system`.
 */
export type MayObserve = (
  request: ObserveRequest,
) => readonly string[] | ReadonlySet<string> | Promise<readonly string[] | ReadonlySet<string>>;

/** The application's hooks; each may be left out. */
export interface HookOptions {
  readonly authorize?: Authorize;
  readonly beforeSend?: BeforeSend;
  readonly afterSend?: AfterSend;
  readonly mayObserve?: MayObserve;
}

/** Calls of `afterSend` under way; beyond it they are left out. One that takes longer than the deadline counts no more. */
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

  /** True if the application is asked about the operations of this caller. */
  watchesOperations({ isSystem }: Caller): boolean {
    return isSystem !== true && this.options.authorize !== undefined;
  }

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
    // An `async () => user?.isStaff` that gives null must not let everybody in.
    if (isAllowed !== undefined && isAllowed !== true) throw misbehaved("authorize");
  }

  /**
   * What is to be stored of a message.
   * @throws ChatError the application's own, `overloaded` if it took too long
   */
  async beforeSend(caller: Caller, message: Omit<OutgoingMessage, "signal">): Promise<RewrittenMessage> {
    const { beforeSend } = this.options;
    const { data, mentions } = message;
    const asSent = contentOf(message);
    if (beforeSend === undefined || caller.isSystem === true) return asSent;
    // A copy: what is stored is what the hook returns, not what it did to the object.
    const copy = {
      ...(data !== undefined && { data: structuredClone(data) }),
      ...(mentions !== undefined && { mentions: [...mentions] }),
    };
    const rewritten = await this.#within(async (signal) => beforeSend({ ...message, ...copy, signal }));
    if (rewritten === undefined) return asSent;
    if (!isRewritten(rewritten)) throw misbehaved("beforeSend");
    return contentOf({ ...(mentions !== undefined && { mentions }), ...rewritten });
  }

  /**
   * Whom of others a user may see; undefined where the application leaves that to the engine.
   * @throws ChatError the application's own, `overloaded` if it took too long
   */
  async mayObserve(userId: string, others: readonly string[]): Promise<ReadonlySet<string> | undefined> {
    const { mayObserve } = this.options;
    if (mayObserve === undefined) return undefined;
    const visible: unknown = await this.#within(async (signal) => mayObserve({ userId, others, signal }));
    if (!Array.isArray(visible) && !(visible instanceof Set)) throw misbehaved("mayObserve");
    return new Set(visible as Iterable<string>);
  }

  /** Never throws, never waits. */
  afterSend(caller: Caller, entry: StoredEntry): void {
    const { afterSend } = this.options;
    if (afterSend === undefined || caller.isSystem === true) return;
    if (this.#afterSendUnderWay >= AFTER_SEND_UNDER_WAY) {
      this.runtime.log("warn", "after_send_left_out", { conversationId: entry.conversationId });
      return;
    }
    const told = this.#begin(() =>
      this.runtime.log("warn", "after_send_late", { conversationId: entry.conversationId }),
    );
    Promise.resolve(entry)
      .then(afterSend)
      .catch((error: unknown) => {
        this.runtime.log("warn", "after_send_failed", {
          conversationId: entry.conversationId,
          code: isChatError(error) ? error.code : "internal",
        });
      })
      .finally(told);
  }

  /** Counts a call of `afterSend` until it ends, or the deadline is over: one that never ends must not stop the others. */
  #begin(late: () => void): () => void {
    this.#afterSendUnderWay++;
    let counts = true;
    const end = (): void => {
      if (counts) this.#afterSendUnderWay--;
      counts = false;
    };
    const cancel = this.runtime.clock.schedule(this.deadline, () => {
      end();
      late();
    });
    return () => {
      cancel();
      end();
    };
  }

  async #within<T>(ask: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    const late = (): ChatError => {
      controller.abort();
      return new ChatError("overloaded", "The application took too long to decide; try again.");
    };
    try {
      return await inTime(this.runtime.clock, this.deadline, late, ask(controller.signal));
    } catch (error) {
      if (isChatError(error) && isTellable(error)) throw error;
      throw new ChatError("internal", "The server failed; try again.", { cause: error });
    }
  }
}

/** Codes and sentences of an application go to the device: they must fit its frame. */
function isTellable({ code, message, retryAfter }: ChatError): boolean {
  return (
    typeof code === "string" &&
    utf8Length(code) <= LIMITS.idBytes &&
    isWellFormed(code) &&
    typeof message === "string" &&
    isWellFormed(message) &&
    (retryAfter === undefined || (Number.isFinite(retryAfter) && retryAfter >= 0))
  );
}

function contentOf({ text, data, mentions }: RewrittenMessage): RewrittenMessage {
  return {
    ...(text !== undefined && { text }),
    ...(data !== undefined && { data }),
    ...(mentions !== undefined && { mentions }),
  };
}

function isRewritten(value: unknown): value is RewrittenMessage {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const { text, data } = value as Record<string, unknown>;
  if (text === undefined && data === undefined) return false;
  return (text === undefined || typeof text === "string") && (data === undefined || typeof data === "object");
}

/** A hook whose answer means nothing: a defect for the log; the device may try again once it is mended. */
function misbehaved(hook: keyof HookOptions): ChatError {
  const cause = new TypeError(`${hook} resolved to what it may not; see its type.`);
  return new ChatError("internal", "The server failed; try again.", { cause });
}
