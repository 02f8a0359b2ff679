import { ChatError, ENTRY_KINDS, isChatError } from "@chat/protocol";
import type { AppendOutcome, Draft, Head } from "../store/message-store.js";
import { importKey } from "./import-key.js";
import type { ImportedMessage } from "./import-row.js";
import type { OperationContext } from "./operation-context.js";
import { distinctMentions } from "./send-messages.js";

/** How often a batch is tried again because somebody was faster, or the store did not answer. */
const ATTEMPTS = 20;
/** ms before that. */
const PAUSE = 100;

/**
 * Stores imported messages in their order, one outcome for each. Nobody is told: what is new comes to the devices by the change feed.
 * @throws ChatError the retryable one that did not pass
 */
export async function appendImported(
  context: OperationContext,
  messages: readonly ImportedMessage[],
): Promise<readonly AppendOutcome[]> {
  const outcomes: (AppendOutcome | undefined)[] = messages.map(() => undefined);
  for (let attempt = 1; ; attempt++) {
    const failure = await tryWaiting(context, messages, outcomes);
    if (failure === undefined) return outcomes as AppendOutcome[];
    if (attempt === ATTEMPTS) throw failure;
    await new Promise<void>((resolve) => context.runtime.clock.schedule(PAUSE, resolve));
  }
}

/** Tries what has no outcome yet; gives the first error that may pass. @throws what is no ChatError */
async function tryWaiting(
  context: OperationContext,
  messages: readonly ImportedMessage[],
  outcomes: (AppendOutcome | undefined)[],
): Promise<ChatError | undefined> {
  const drafts: Draft[] = [];
  const drafted: number[] = [];
  try {
    const heads = await context.messages.heads([
      ...new Set(messages.map(({ conversationId }) => conversationId)),
    ]);
    for (const [index, message] of messages.entries()) {
      if (outcomes[index] !== undefined) continue;
      const draft = await draftOf(context, message, heads.get(message.conversationId));
      if (isChatError(draft)) outcomes[index] = { status: "refused", error: draft };
      else {
        drafts.push(draft);
        drafted.push(index);
      }
    }
  } catch (error) {
    if (isChatError(error) && error.retryable) return error;
    throw error;
  }
  if (drafts.length === 0) return undefined;
  const appended = await context.messages.append(drafts);
  let failure: ChatError | undefined;
  for (const [at, outcome] of appended.entries()) {
    if (outcome.status === "refused" && outcome.error.retryable) failure ??= outcome.error;
    else outcomes[drafted[at]!] = outcome;
  }
  return failure;
}

/** What is to be stored of a message, or why it can't be. @throws ChatError `store_unavailable` */
async function draftOf(
  context: OperationContext,
  message: ImportedMessage,
  state: Head | undefined,
): Promise<Draft | ChatError> {
  const { conversationId, text, data, createdAt, replyTo, kind = ENTRY_KINDS.text } = message;
  const mentions = distinctMentions(message.mentions);
  if (state === undefined || state.head === 0) {
    return new ChatError("not_found", `There is no conversation ${conversationId}; import its row first.`);
  }
  const answered =
    replyTo === undefined ? undefined : await context.messages.find(importKey(conversationId, replyTo));
  if (replyTo !== undefined && answered === undefined) {
    return new ChatError("invalid_argument", "replyTo names a message that was not imported before.");
  }
  return {
    ...importKey(conversationId, message),
    kind,
    createdAt,
    countsAsUnread: true,
    membershipVersion: state.membershipVersion,
    ...(text !== undefined && { text }),
    ...(data !== undefined && { data }),
    ...(answered !== undefined && { replyTo: answered.messageId }),
    ...(mentions !== undefined && { mentions }),
  };
}
