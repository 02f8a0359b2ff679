import { ChatError } from "@chat/protocol";
import type { Participation } from "../store/conversation-store.js";
import { type Caller, type OperationContext, viewerOf } from "./operation-context.js";

/** "Not there" and "not yours" answer alike, so that nobody can probe which conversations exist. */
export function notFound(): ChatError {
  return new NoMember("not_found", "There is no such conversation, or you never were a member of it.");
}

/**
 * The participation of a present or former member.
 * @param reach an id that the caller names. Where the log lies in another store, a row may be behind what was stored and told
 * already: then it is brought up first.
 * @throws ChatError `not_found`, `store_unavailable`
 */
export async function participationOf(
  context: OperationContext,
  caller: Caller,
  conversationId: string,
  reach = 0,
): Promise<Participation> {
  const participation = await context.conversations.participation(viewerOf(caller), conversationId);
  if (participation === undefined) throw notFound();
  if (reach <= participation.head) return participation;
  await context.messages.heads([conversationId]);
  return participationOf(context, caller, conversationId);
}

/** The refusal of whoever is no member; it holds for everything that was sent together. */
export class NoMember extends ChatError {}

/**
 * The participation of a present member.
 * @param allowedUnder a membership version under which the caller was a member, and what is asked was on its way already. Who has left and
 * come back since may have been refused it elsewhere, over another connection: it must not be done behind what came after that.
 * @param reach as in {@link participationOf}
 * @throws ChatError `not_found`, `forbidden`; `out_of_order` for who came back since
 */
export async function authorizeMember(
  context: OperationContext,
  caller: Caller,
  conversationId: string,
  allowedUnder = Infinity,
  reach = 0,
): Promise<Participation> {
  const participation = await participationOf(context, caller, conversationId, reach);
  if (!participation.member)
    throw new NoMember("forbidden", "You are no member of this conversation any more.");
  if (participation.intervals[participation.intervals.length - 1]!.from > allowedUnder) {
    throw new ChatError("out_of_order", "You left and came back while this was on its way; send it again.");
  }
  return participation;
}
