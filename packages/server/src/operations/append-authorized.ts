import { ChatError, isChatError } from "@chat/protocol";
import type { AppendOutcome, Draft, IdempotencyKey } from "../store/message-store.js";
import { NoMember } from "./authorize-member.js";
import type { OperationContext } from "./operation-context.js";

/** How often a draft is authorized again because the membership moved under it. */
const ATTEMPTS = 8;

/** What was allowed: the draft without its key, or nothing to do. */
export type Authorized = Omit<Draft, keyof IdempotencyKey | "kind">;

/** A draft that has to be authorized before it is appended. */
export interface Request {
  readonly key: IdempotencyKey;
  /** Kind of the entry; a key that was used for another kind is refused. */
  readonly kind: string;
  /**
   * Checks the request against the present state.
   * @param allowedUnder the membership version under which it was allowed first, if it is looked at again
   * @throws ChatError if it is refused
   */
  readonly authorize: (allowedUnder?: number) => Promise<Authorized>;
}

function asChatError(error: unknown): ChatError {
  return isChatError(error)
    ? error
    : new ChatError("internal", "The server failed; try again.", { cause: error });
}

/**
 * The only way to the log: authorizes, appends under the membership state that it was authorized under, and does both
 * again when that has moved. Before a refusal is given, the idempotency key is looked up: who was acknowledged
 * once gets that answer again, whatever has changed since. Stored entries are delivered.
 *
 * The requests are of one device into one conversation; they are stored in their order, and behind one that
 * fails with a retryable error the rest is refused as `out_of_order`, behind one of somebody who is no member with the same error.
 */
export async function appendAuthorized(
  context: OperationContext,
  requests: readonly Request[],
): Promise<readonly AppendOutcome[]> {
  const outcomes: (AppendOutcome | undefined)[] = requests.map(() => undefined);
  const allowedUnder: (number | undefined)[] = requests.map(() => undefined);

  /** Tries what has no outcome yet; true if something is to be tried again. */
  async function attempt(isLast: boolean): Promise<boolean> {
    const waiting: number[] = [];
    const drafts: Draft[] = [];
    let blocked = false;
    let noMember: NoMember | undefined;
    for (let index = 0; index < requests.length; index++) {
      if (outcomes[index] !== undefined) continue;
      const { key, kind, authorize } = requests[index]!;
      if (blocked) {
        outcomes[index] = refusedBehindAnother();
        continue;
      }
      if (noMember !== undefined) {
        outcomes[index] = await refuseUnlessStored(context, key, noMember);
        continue;
      }
      try {
        const authorized = await authorize(allowedUnder[index]);
        allowedUnder[index] ??= authorized.membershipVersion;
        drafts.push({ ...authorized, ...key, kind });
        waiting.push(index);
      } catch (error) {
        const outcome = await refuseUnlessStored(context, key, asChatError(error));
        outcomes[index] = outcome;
        if (outcome.status !== "refused") continue;
        blocked = outcome.error.retryable;
        // Who comes back at this moment does not get the rest in before the first.
        if (error instanceof NoMember) noMember = error;
      }
    }
    const appended = drafts.length > 0 ? await context.messages.append(drafts) : [];
    const stored = appended.flatMap((outcome) => (outcome.status === "stored" ? [outcome.entry] : []));
    if (stored.length > 0) context.publish(stored);
    let moved = false;
    let failed = false;
    appended.forEach((outcome, at) => {
      // What stands behind a failure is not tried again: it would overtake.
      const again =
        outcome.status === "refused" &&
        !isLast &&
        !failed &&
        (outcome.error.code === "membership_moved" || (moved && outcome.error.code === "out_of_order"));
      if (again) {
        moved = true;
        return;
      }
      outcomes[waiting[at]!] = outcome;
      failed ||= outcome.status === "refused" && outcome.error.retryable;
    });
    return moved;
  }

  if (await attempt(false)) {
    // Among requests that overtake each other one by one nobody would ever get through: from here on one at a time.
    await context.contested.run(requests[0]!.key.conversationId, async () => {
      for (let count = 2; await attempt(count === ATTEMPTS); count++);
    });
  }
  return outcomes.map((outcome, index) => refuseForeignKey(outcome!, requests[index]!));
}

/** The first answer belongs to who asked first: for another kind of request it would be a lie. */
function refuseForeignKey(outcome: AppendOutcome, { kind }: Request): AppendOutcome {
  if (outcome.status !== "duplicate" || outcome.entry.kind === kind) return outcome;
  const message = "This clientMessageId was used for another request; every request takes a new one.";
  return { status: "refused", error: new ChatError("conflict", message) };
}

function refusedBehindAnother(): AppendOutcome {
  const message = "A message before this one failed; send all of them again, in order.";
  return { status: "refused", error: new ChatError("out_of_order", message) };
}

async function refuseUnlessStored(
  context: OperationContext,
  key: IdempotencyKey,
  error: ChatError,
): Promise<AppendOutcome> {
  try {
    const entry = await context.messages.find(key);
    return entry === undefined ? { status: "refused", error } : { status: "duplicate", entry };
  } catch (cause) {
    return { status: "refused", error: asChatError(cause) };
  }
}
