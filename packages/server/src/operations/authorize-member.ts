import { ChatError } from "@chat/protocol";
import type { Participation } from "../store/conversation-store.js";
import { type Caller, type OperationContext, viewerOf } from "./operation-context.js";

/** "Not there" and "not yours" answer alike, so that nobody can probe which conversations exist. */
export function notFound(): ChatError {
  return new NoMember("not_found", "There is no such conversation, or you never were a member of it.");
}

/**
 * The participation of a present or former member.
 * @throws ChatError `not_found`
 */
export async function participationOf(
  context: OperationContext,
  caller: Caller,
  conversationId: string,
): Promise<Participation> {
  const participation = await context.conversations.participation(viewerOf(caller), conversationId);
  if (participation === undefined) throw notFound();
  return participation;
}

/** The refusal of whoever is no member; it holds for everything that was sent together. */
export class NoMember extends ChatError {}

/**
 * The participation of a present member.
 * @param allowedUnder a membership version under which the caller was a member, and what is asked was on its way already. Who has left and
 * come back since may have been refused it elsewhere, over another connection: it must not be done behind what came after that.
 * @throws ChatError `not_found`, `forbidden`; `out_of_order` for who came back since
 */
export async function authorizeMember(
  context: OperationContext,
  caller: Caller,
  conversationId: string,
  allowedUnder = Infinity,
): Promise<Participation> {
  const participation = await participationOf(context, caller, conversationId);
  if (!participation.member)
    throw new NoMember("forbidden", "You are no member of this conversation any more.");
  if (participation.intervals[participation.intervals.length - 1]!.from > allowedUnder) {
    throw new ChatError("out_of_order", "You left and came back while this was on its way; send it again.");
  }
  return participation;
}
