import { type Entry, isChatError, isSendableKind, kindOf, LIMITS, type Runtime } from "@chat/protocol";
import * as CLIENT_LIMITS from "../client-limits.js";
import type { Ask } from "../connection/requests.js";
import { backoff } from "../runtime/backoff.js";
import type { CacheWriter } from "./cache-writer.js";
import { curMax } from "./held-ranges.js";
import type { Replica } from "./replica.js";
import type { Replicas } from "./replicas.js";

/** What receipts need of their surroundings. */
export interface ReceiptsEnvironment {
  readonly runtime: Runtime;
  readonly userId: string;
  readonly replicas: Replicas;
  readonly writer: Pick<CacheWriter, "read" | "idle">;
  readonly ask: Ask;
  /** True while this device is the one that says so. */
  isReady(): boolean;
  report(error: unknown): void;
}

/** Says to the server how far the user has come, until it has acknowledged that. */
export interface Receipts {
  /** Something of a conversation changed, or there is a connection: says what is new, soon. */
  look(): void;
  /** Everything up to an id was read; without one, everything. Resolves once that is kept. */
  markRead(replica: Replica, upTo?: number): Promise<void>;
  /** The conversation is unread from an id on. Resolves once that is kept. */
  markUnread(replica: Replica, from: number): Promise<void>;
}

/** True if the server has not heard of all of it. */
function isDue(replica: Replica): boolean {
  const { row, ranges, trust, known, ackedRead, mark } = replica;
  if (!row.member || !known || trust !== "sure") return false;
  return curMax(ranges) > row.delivered || row.read > ackedRead || mark !== undefined;
}

export function createReceipts(environment: ReceiptsEnvironment): Receipts {
  const { runtime, userId, replicas, writer, ask, isReady } = environment;
  let scheduled = false;
  let failures = 0;

  const due = (): Replica[] => [...replicas.all()].filter(isDue).slice(0, LIMITS.receiptsPerRequest);

  function look(): void {
    if (scheduled || !isReady()) return;
    const some = due();
    if (some.length === 0) return;
    scheduled = true;
    // The members of a large group spread what they all have to say at once.
    const crowd = Math.max(...some.map(({ row }) => row.memberCount)) * CLIENT_LIMITS.receiptSpread;
    const wait = failures && backoff(runtime.random, failures);
    const delay = CLIENT_LIMITS.receiptDelay + runtime.random.float() * crowd + wait;
    runtime.clock.schedule(delay, () => {
      void send().finally(() => {
        scheduled = false;
        look();
      });
    });
  }

  async function send(): Promise<void> {
    // What was delivered has to outlive this page.
    await writer.idle();
    const some = due();
    const steps = some.map(({ id: conversationId, row, ranges, ackedRead, mark }) => {
      const held = curMax(ranges);
      return {
        conversationId,
        ...(held > row.delivered && { delivered: held }),
        ...(row.read > ackedRead && { read: row.read }),
        ...(mark && { mark }),
      };
    });
    if (steps.length === 0 || !isReady()) return;
    try {
      const answer = await ask({ type: "send-receipts", receipts: steps }, { mode: "once" });
      failures = 0;
      const refused = new Set(answer.refused.map(({ conversationId }) => conversationId));
      for (const [index, replica] of some.entries()) {
        const { mark } = steps[index]!;
        const receipt = answer.receipts.find(({ conversationId }) => conversationId === replica.id);
        if (refused.has(replica.id)) replicas.refused(replica);
        if (!receipt) continue;
        // What was pushed meanwhile may be later than the answer, unless that is about the mark.
        const isAnswered = mark !== undefined && replica.mark === mark;
        const { version = 0 } = receipt.unread ?? {};
        if (isAnswered) replica.mark = undefined;
        // Marked once more meanwhile: on top of what is there now.
        else if (mark && replica.mark) replica.mark = { ...replica.mark, version };
        replicas.ownReceipt(receipt, isAnswered);
      }
    } catch (error) {
      failures++;
      if (!isChatError(error) || !error.retryable) environment.report(error);
    }
  }

  function held(replica: Replica, after: number, before: number): Promise<readonly Entry[]> {
    return writer.read(replica.id, { after, before, limit: Infinity, order: "ascending" });
  }

  return {
    look,

    async markRead(replica, upTo = Infinity) {
      const { head, headOrdinal } = replica.row;
      const messageId = Math.min(Math.floor(upTo), head);
      const [entry] = messageId < head ? await held(replica, messageId - 1, messageId + 1) : [];
      const { row } = replica;
      const { from, version = 0 } = row.unread ?? {};
      // Of an entry that is not held, the server knows the ordinal.
      const readOrdinal = messageId < head ? (entry?.ordinal ?? row.readOrdinal) : headOrdinal;
      const place = messageId > row.read ? { read: messageId, readOrdinal } : {};
      const unmarks = from !== undefined && messageId >= from;
      if (!unmarks && place.read === undefined) return;
      await replicas.mark(replica, { ...place, ...(unmarks && { unread: { version } }) });
    },

    async markUnread(replica, from) {
      const entries = (await held(replica, from - 1, Infinity)).filter((entry) =>
        isSendableKind(kindOf(entry)),
      );
      const { row } = replica;
      const first = entries[0] ? entries[0].ordinal - 1 : row.headOrdinal;
      const own = entries.filter(({ senderId }) => senderId === userId).length;
      const { version = 0 } = row.unread ?? {};
      await replicas.mark(replica, { unread: { version, from, ordinal: first + own } });
    },
  };
}
