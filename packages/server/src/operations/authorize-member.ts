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
 * @throws ChatError `not_found`, `forbidden`
 */
export async function authorizeMember(
  context: OperationContext,
  caller: Caller,
  conversationId: string,
): Promise<Participation> {
  const participation = await participationOf(context, caller, conversationId);
  if (!participation.member)
    throw new NoMember("forbidden", "You are no member of this conversation any more.");
  return participation;
}
