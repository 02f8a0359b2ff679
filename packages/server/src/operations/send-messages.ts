import {
  assertData,
  assertMentions,
  assertText,
  ChatError,
  ENTRY_KINDS,
  isSendableKind,
  type JsonObject,
} from "@chat/protocol";
import type { AppendOutcome } from "../store/message-store.js";
import { type Authorized, appendAuthorized } from "./append-authorized.js";
import { assertNotBlocked } from "./assert-not-blocked.js";
import { authorizeMember } from "./authorize-member.js";
import type { RewrittenMessage } from "./hooks.js";
import { assertMentioned } from "./assert-mentioned.js";
import { assertVisible } from "./intervals.js";
import { type Caller, keyOf, type OperationContext } from "./operation-context.js";

/** One message to be stored. */
export interface NewMessage {
  /** The idempotency key, a UUID. */
  readonly clientMessageId: string;
  readonly text?: string;
  readonly kind?: string;
  readonly data?: JsonObject;
  readonly replyTo?: number;
  /** User ids, up to 50. */
  readonly mentions?: readonly string[];
}

/**
 * The membership versions under which a caller was last seen to be a member. Spares the look-up per message;
 * a version that has moved is found out by append itself.
 */
export class MembershipCache {
  static readonly CONVERSATIONS = 1_000;
  readonly #versions = new Map<string, number>();

  get(conversationId: string): number | undefined {
    return this.#versions.get(conversationId);
  }

  set(conversationId: string, version: number): void {
    if (this.#versions.size >= MembershipCache.CONVERSATIONS) this.#versions.clear();
    this.#versions.set(conversationId, version);
  }

  delete(conversationId: string): void {
    this.#versions.delete(conversationId);
  }
}

/** @throws ChatError `invalid_argument`, `limit_exceeded`, `text_empty`, `text_too_long`, `text_malformed`, `data_invalid` */
export function assertContent(
  context: OperationContext,
  { kind, text, data, mentions }: Pick<NewMessage, "kind" | "text" | "data" | "mentions">,
): void {
  if (kind !== undefined && !isSendableKind(kind)) {
    throw new ChatError(
      "invalid_argument",
      "kind must be text, or begin with x- followed by a–z, 0–9 and hyphens.",
    );
  }
  if (text === undefined && data === undefined) {
    throw new ChatError("text_empty", "A message needs text or data.");
  }
  if (text !== undefined) assertText(text, context.settings.textCharacters);
  if (data !== undefined) assertData(data);
  if (mentions !== undefined) assertMentions(mentions);
}

/** What is stored of mentions: each user once; nothing of none. */
export function distinctMentions(mentions: readonly string[] | undefined): readonly string[] | undefined {
  return mentions === undefined || mentions.length === 0 ? undefined : [...new Set(mentions)];
}

/**
 * Stores messages of one device into one conversation, in their order. One outcome per message; never rejects.
 * Refusals: `text_empty`, `text_too_long`, `text_malformed`, `data_invalid`, `invalid_argument`, `limit_exceeded` (mentions),
 * `mention_unknown`, `not_found`, `forbidden` (no member any more), `blocked`, `unblock_first`, and those of {@link MessageStore.append}.
 */
export async function sendMessages(
  context: OperationContext,
  caller: Caller,
  conversationId: string,
  messages: readonly NewMessage[],
  memberships: MembershipCache = new MembershipCache(),
): Promise<readonly AppendOutcome[]> {
  const outcomes = await appendAuthorized(
    context,
    messages.map((message) => {
      let attempt = 0;
      const key = keyOf(caller, conversationId, message.clientMessageId);
      const kind = message.kind ?? ENTRY_KINDS.text;
      let rewritten: RewrittenMessage | undefined;
      /** What the application makes of the message, asked once; nothing is asked about one that is stored already. */
      const contentOf = async (): Promise<RewrittenMessage> => {
        if ((await context.messages.find(key)) !== undefined) return message;
        await context.hooks.authorize(caller, { operation: "send-message", conversationId });
        if (rewritten !== undefined) return rewritten;
        const { text, data, replyTo, mentions } = message;
        rewritten = await context.hooks.beforeSend(caller, {
          ...key,
          kind,
          ...(text !== undefined && { text }),
          ...(data !== undefined && { data }),
          ...(replyTo !== undefined && { replyTo }),
          ...(mentions !== undefined && { mentions }),
        });
        assertContent(context, rewritten);
        return rewritten;
      };
      const authorize = async (allowedUnder?: number): Promise<Authorized> => {
        assertContent(context, message);
        // The cache is believed once; when append says that it has moved, the store is asked.
        let version =
          attempt++ === 0 && message.replyTo === undefined ? memberships.get(conversationId) : undefined;
        if (version === undefined) {
          memberships.delete(conversationId);
          const { replyTo } = message;
          const participation = await authorizeMember(context, caller, conversationId, allowedUnder, replyTo);
          assertNotBlocked(caller, participation);
          assertVisible(participation, replyTo);
          version = participation.membershipVersion;
          memberships.set(conversationId, version);
        }
        const content = context.hooks.watchesSends(caller) ? await contentOf() : message;
        const { text, data } = content;
        const mentions = distinctMentions(content.mentions);
        if (mentions !== undefined) await assertMentioned(context, conversationId, mentions);
        return {
          ...(text !== undefined && { text }),
          ...(data !== undefined && { data }),
          ...(message.replyTo !== undefined && { replyTo: message.replyTo }),
          ...(mentions !== undefined && { mentions }),
          createdAt: context.runtime.clock.now(),
          countsAsUnread: true,
          membershipVersion: version,
        };
      };
      return { key, kind, authorize };
    }),
  );
  for (const outcome of outcomes) {
    if (outcome.status === "stored") context.hooks.afterSend(caller, outcome.entry);
  }
  return outcomes;
}
