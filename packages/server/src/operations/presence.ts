import { ChatError, LIMITS, SYSTEM_USER, type UserPresence } from "@chat/protocol";
import type { Recipient } from "../delivery/recipient.js";
import { type Caller, type OperationContext, viewerOf } from "./operation-context.js";

/** Whose presence is asked for. */
interface PresenceQuery {
  readonly userIds: readonly string[];
}

/** @throws ChatError `invalid_argument` for too many */
function distinct(userIds: readonly string[]): readonly string[] {
  const { presencesPerRequest } = LIMITS;
  if (userIds.length > presencesPerRequest) {
    throw new ChatError("invalid_argument", `userIds has at most ${presencesPerRequest} ids.`);
  }
  return [...new Set(userIds)];
}

/**
 * Whom of these users one may see: by the application's `mayObserve`, without it those with whom one shares a conversation.
 * One always sees oneself.
 * @throws ChatError as the hook does, `store_unavailable`
 */
export async function mayObserve(
  context: Pick<OperationContext, "conversations" | "hooks">,
  userId: string,
  userIds: readonly string[],
): Promise<ReadonlySet<string>> {
  const others = userIds.filter((other) => other !== userId && other !== SYSTEM_USER);
  if (others.length === 0) return new Set(userIds);
  const decided = await context.hooks.mayObserve(userId, others);
  const visible = new Set(decided ?? (await context.conversations.acquaintances(userId, others)));
  // Whatever the application says: of two of whom one has blocked the other none sees the other.
  const { blocked, blockedBy } = await context.conversations.blocks(userId, others);
  for (const other of [...blocked, ...blockedBy]) visible.delete(other);
  return new Set(userIds.filter((other) => other === userId || visible.has(other)));
}

/**
 * The presence of those of these users whom the caller may see. Who does not exist is left out like who may not be seen.
 * @throws ChatError `invalid_argument`, `store_unavailable`
 */
export async function getPresence(
  context: OperationContext,
  caller: Caller,
  query: PresenceQuery,
): Promise<readonly UserPresence[]> {
  const userIds = distinct(query.userIds);
  await context.hooks.authorize(caller, { operation: "get-presence", members: userIds });
  if (caller.isSystem === true) return context.presence.read(viewerOf(caller), userIds);
  return context.presence.read(caller.userId, [...(await mayObserve(context, caller.userId, userIds))]);
}

/**
 * As {@link getPresence}, and tells the session of changes from now on.
 * @throws ChatError `limit_exceeded` besides
 */
export async function watchPresence(
  context: OperationContext,
  session: Caller & Recipient,
  { userIds, forget }: PresenceQuery & { readonly forget?: readonly string[] },
): Promise<readonly UserPresence[]> {
  await context.hooks.authorize(session, { operation: "get-presence", members: userIds });
  return context.presence.watch(session, distinct(userIds), forget);
}

/**
 * Says since when nothing was done on the caller's device (of a connection only), and whether the caller wants to be seen.
 * @returns the caller's own presence
 * @throws ChatError `invalid_argument` (the system), `store_unavailable`
 */
export async function setPresence(
  context: OperationContext,
  caller: Caller | (Caller & Recipient),
  { idle, invisible }: { readonly idle?: number; readonly invisible?: boolean },
): Promise<UserPresence> {
  const { userId } = caller;
  if (userId === SYSTEM_USER) throw new ChatError("invalid_argument", "The system is seen by nobody.");
  await context.hooks.authorize(caller, { operation: "set-presence" });
  if (invisible !== undefined) {
    await context.conversations.setInvisible(userId, invisible);
    context.presence.setInvisible(userId, invisible);
  }
  if (idle !== undefined && "deliver" in caller) context.presence.setIdle(caller, idle);
  const [own] = await context.presence.read(userId, [userId]);
  return own!;
}
