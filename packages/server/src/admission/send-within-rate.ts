import { ChatError, ENTRY_KINDS } from "@chat/protocol";
import { appendAuthorized } from "../operations/append-authorized.js";
import { type Caller, keyOf, type OperationContext } from "../operations/operation-context.js";
import { type MembershipCache, type NewMessage, sendMessages } from "../operations/send-messages.js";
import type { AppendOutcome } from "../store/message-store.js";
import type { Allowance } from "./operation-rates.js";

/**
 * Stores those messages of one device into one conversation that its allowance lets through. The first one beyond is
 * refused as `rate_limited` unless it is stored already: a resend gets its first answer whatever the rate.
 * What is behind the refused one is `out_of_order`. One outcome per message; never rejects.
 */
export async function sendWithinRate(
  context: OperationContext,
  allowance: Allowance,
  caller: Caller,
  conversationId: string,
  messages: readonly NewMessage[],
  memberships?: MembershipCache,
): Promise<readonly AppendOutcome[]> {
  let admitted = 0;
  let refusal: ChatError | undefined;
  while (admitted < messages.length && refusal === undefined) {
    refusal = allowance.take("send");
    if (refusal === undefined) admitted++;
  }
  const within = messages.slice(0, admitted);
  const outcomes =
    within.length > 0 ? await sendMessages(context, caller, conversationId, within, memberships) : [];
  if (refusal === undefined) return outcomes;

  const beyond = messages.slice(admitted);
  const failed = outcomes.some((outcome) => outcome.status === "refused" && outcome.error.retryable);
  const error = failed
    ? new ChatError("out_of_order", "A message before this one failed; send all of them again, in order.")
    : refusal;
  // A look-up costs the store a read. Who has used those up too is refused without one; being told to come back,
  // they lose nothing by it.
  if (allowance.take("read") !== undefined) return [...outcomes, ...beyond.map(() => refused(error))];
  const lookedUp = await appendAuthorized(
    context,
    beyond.map((message) => ({
      key: keyOf(caller, conversationId, message.clientMessageId),
      kind: message.kind ?? ENTRY_KINDS.text,
      authorize: () => Promise.reject(error),
    })),
  );
  return [...outcomes, ...lookedUp];
}

function refused(error: ChatError): AppendOutcome {
  return { status: "refused", error };
}
