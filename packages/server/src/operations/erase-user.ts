import { assertId, ChatError, DEFAULT_PRIVACY, ENTRY_KINDS, newUuid } from "@chat/protocol";
import type { ChatStore } from "../store/chat-store.js";
import type { Draft } from "../store/message-store.js";
import { keyOf, type OperationContext } from "./operation-context.js";
import { SYSTEM } from "./system-caller.js";

/** Bodies that are wiped in one commit, so that others' messages get through in between. */
const WIPED_AT_ONCE = 200;
/** Conversations in one page. */
const CONVERSATIONS_AT_ONCE = 200;
/** How often one conversation is tried again because somebody was faster, or the store did not answer. */
const ATTEMPTS = 20;
/** ms before that. */
const PAUSE = 100;

/** How far an erasure has come. */
export interface ErasureProgress {
  /** Conversations that are done. */
  readonly conversations: number;
  /** Messages that are tombstones now, in this run. */
  readonly messages: number;
}

/** What an erasure has done. */
export interface Erasure extends ErasureProgress {
  /**
   * True if the bytes are gone from the store's files, too. False where the store leaves that to the operator (a SQLite
   * file too large to be rebuilt at once): the words are read by nobody any more, but copies may lie in unused space.
   */
  readonly purged: boolean;
}

/** How an erasure is watched. */
export interface ErasureOptions {
  /** Called after each conversation. */
  readonly onProgress?: (progress: ErasureProgress) => void;
}

/**
 * Erases the words of a user: in every conversation that they ever were in, all bodies of theirs become tombstones and an
 * entry of kind `erased` has every device do the same; the profile is emptied, whom the user has blocked and what the user did not
 * tell others is forgotten, and what is committed in the outbox is not sent.
 * Resolves when the words are gone from the store's files, too. Done in small commits, and gone on with after a crash: by the next server that starts on this store,
 * or by the same call again. What they write afterwards stays: see that they can't.
 * @throws ChatError `invalid_argument`, `store_unavailable` (call again, it goes on)
 */
export async function eraseUser(
  context: OperationContext,
  { housekeeping, outbox }: Pick<ChatStore, "housekeeping" | "outbox">,
  userId: string,
  { onProgress }: ErasureOptions = {},
): Promise<Erasure> {
  assertId(userId, "userId");
  const erasureId = await housekeeping.beginErasure(userId, newUuid(context.runtime.random));
  context.userChanged(await context.conversations.setUser({ userId }));
  await forgetPrivacy(context, userId);
  await context.pushes.forget(userId);
  // Before the conversations: what is being stored at this moment is wiped there.
  await outbox?.forget(userId);
  let progress: ErasureProgress = { conversations: 0, messages: 0 };
  let page: string | undefined;
  do {
    const { items, next } = await housekeeping.conversationsOf(userId, {
      limit: CONVERSATIONS_AT_ONCE,
      ...(page !== undefined && { page }),
    });
    for (const conversationId of items) {
      const messages = await eraseIn(context, conversationId, userId, erasureId);
      progress = {
        conversations: progress.conversations + 1,
        messages: progress.messages + messages,
      };
      onProgress?.(progress);
    }
    page = next;
  } while (page !== undefined);
  const purged = await housekeeping.purge();
  await housekeeping.endErasure(userId);
  return { ...progress, purged };
}

/** Whom others have blocked is theirs, and stays. */
async function forgetPrivacy(
  { conversations, privacyChanged }: OperationContext,
  userId: string,
): Promise<void> {
  const { blocked = [] } = (await conversations.privacies([userId])).get(userId) ?? {};
  const { typing, readReceipts } = DEFAULT_PRIVACY;
  privacyChanged(userId, await conversations.setPrivacy(userId, { typing, readReceipts, unblock: blocked }));
}

/** Erases in one conversation; gives how many bodies were wiped. */
async function eraseIn(
  context: OperationContext,
  conversationId: string,
  userId: string,
  erasureId: string,
): Promise<number> {
  let wiped = 0;
  let found = 0;
  let through = 0;
  let firstId = 1;
  for (let attempt = 1; ; attempt++) {
    try {
      // Gone on with: what they have written since it was said here stays.
      if (through === 0 && (await context.messages.find(keyOf(SYSTEM, conversationId, erasureId)))) return 0;
      for (let head = Infinity; through < head;) {
        const query = { conversationId, userId, after: through, limit: WIPED_AT_ONCE };
        const done = await context.messages.wipe(query);
        wiped += done.wiped;
        found += done.found;
        through = done.through;
        const state = (await context.messages.heads([conversationId])).get(conversationId);
        ({ head, firstId } = state ?? { head: 0, firstId: 1 });
      }
      // They were there, and wrote nothing. What is kept here no more may be held by devices still.
      if (found === 0 && firstId <= 1) return wiped;
      const redaction = { userId, wipedThrough: through };
      const said = await appendErased(context, conversationId, erasureId, redaction);
      // Another server has gone on with it, too, and was faster: what was wiped above its entry has to be said as well.
      if (said < through && wiped > 0) {
        await appendErased(context, conversationId, newUuid(context.runtime.random), redaction);
      }
      return wiped;
    } catch (error) {
      const again = error instanceof ChatError && (error.retryable || error.code === "limit_exceeded");
      if (!again || attempt >= ATTEMPTS) throw error;
      await new Promise<void>((resolve) => context.runtime.clock.schedule(PAUSE, resolve));
    }
  }
}

/** Gives the id of the entry that says so. */
async function appendErased(
  context: OperationContext,
  conversationId: string,
  erasureId: string,
  redaction: Draft["redaction"] & object,
): Promise<number> {
  const state = (await context.messages.heads([conversationId])).get(conversationId)!;
  const [outcome] = await context.messages.append([
    {
      // Its own id is its key: gone on with after a crash, it is not said twice.
      ...keyOf(SYSTEM, conversationId, erasureId),
      kind: ENTRY_KINDS.erased,
      createdAt: context.runtime.clock.now(),
      countsAsUnread: false,
      membershipVersion: state.membershipVersion,
      redaction,
    },
  ]);
  if (outcome!.status === "refused") throw outcome!.error;
  if (outcome!.status === "stored") context.publish([outcome!.entry]);
  return outcome!.entry.messageId;
}
