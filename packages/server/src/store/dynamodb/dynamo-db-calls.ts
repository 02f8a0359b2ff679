import { type ChatError, isChatError, type Runtime } from "@chat/protocol";
import { answerInTime } from "../../aws/answer-in-time.js";
import { closedError, unavailable } from "../sql/unavailable.js";
import type { BatchWrite, DynamoDbClient, FoundItem, Item, TransactWrite } from "./dynamo-db-client.js";
import { failureOf, isConditionFailed, cancellationOf, isTransient } from "./dynamo-db-failure.js";

/** How long one call may take, with the tries that the SDK makes by itself, ms. */
const CALL_DEADLINE = 15_000;
/** How long calls are made again that DynamoDB wants to have later, ms. */
const AGAIN_DEADLINE = 10_000;
/** The cap of the first pause before that, ms; it doubles, and the pause is random below it. */
const FIRST_PAUSE = 20;
const LONGEST_PAUSE = 1_000;
/** Writes in one batch; DynamoDB takes no more. */
const WRITES_AT_ONCE = 25;

type Call<T> = (client: DynamoDbClient, options: { readonly abortSignal: AbortSignal }) => Promise<T>;

/** Calls of DynamoDB: with a deadline, again where that helps, and with errors that operators understand. */
export class DynamoDbCalls {
  readonly #client: DynamoDbClient;
  #runtime: Runtime | undefined;
  #closed = false;

  constructor(client: DynamoDbClient) {
    this.#client = client;
  }

  open(runtime: Runtime): void {
    if (this.#closed) throw closedError();
    this.#runtime = runtime;
  }

  close(): void {
    this.#closed = true;
  }

  /** @throws ChatError `closed`; `store_unavailable` before it is open */
  get runtime(): Runtime {
    if (this.#closed) throw closedError();
    if (this.#runtime === undefined) throw unavailable("The store is not open yet; wait for open().");
    return this.#runtime;
  }

  /** @throws ChatError `store_unavailable` */
  async run<T>(call: Call<T>): Promise<T> {
    try {
      return await this.#untilTaken(call);
    } catch (thrown) {
      throw isChatError(thrown) ? thrown : failureOf(thrown);
    }
  }

  /**
   * Writes all or nothing, once, however often it is tried.
   * @throws ChatError `store_unavailable`, perhaps though it was written; as it came, what {@link cancellationOf} takes
   */
  async transact(writes: TransactWrite[], token: string): Promise<void> {
    try {
      await this.#untilTaken((client, options) =>
        client.transactWriteItems({ TransactItems: writes, ClientRequestToken: token }, options),
      );
    } catch (thrown) {
      const isAnswer = cancellationOf(thrown) !== undefined && !isTransient(thrown);
      throw isAnswer || isChatError(thrown) ? thrown : failureOf(thrown);
    }
  }

  /** @returns false if the condition did not hold */
  async update(input: Parameters<DynamoDbClient["updateItem"]>[0]): Promise<boolean> {
    try {
      await this.#untilTaken((client, options) => client.updateItem(input, options));
      return true;
    } catch (thrown) {
      if (isConditionFailed(thrown)) return false;
      throw isChatError(thrown) ? thrown : failureOf(thrown);
    }
  }

  async get(table: string, key: Item): Promise<FoundItem | undefined> {
    const input = { TableName: table, Key: key, ConsistentRead: true };
    return (await this.run((client, options) => client.getItem(input, options))).Item;
  }

  /** Writes or deletes items one by one, in no order. */
  async batch(table: string, writes: readonly BatchWrite[]): Promise<void> {
    for (let at = 0; at < writes.length; at += WRITES_AT_ONCE) {
      let left: Record<string, BatchWrite[]> = { [table]: writes.slice(at, at + WRITES_AT_ONCE) };
      for (let tries = 0; Object.keys(left).length > 0; tries++) {
        if (tries > 0) await this.#pause(tries);
        if (tries > WRITES_AT_ONCE) throw unavailable("DynamoDB takes no more writes for the moment.");
        const { UnprocessedItems = {} } = await this.run((client, options) =>
          client.batchWriteItem({ RequestItems: left }, options),
        );
        left = UnprocessedItems as Record<string, BatchWrite[]>;
      }
    }
  }

  async #untilTaken<T>(call: Call<T>): Promise<T> {
    const { clock } = this.runtime;
    const began = clock.monotonic();
    for (let tries = 1; ; tries++) {
      try {
        return await answerInTime(clock, CALL_DEADLINE, noAnswer, (options) => call(this.#client, options));
      } catch (thrown) {
        if (!isTransient(thrown) || clock.monotonic() - began >= AGAIN_DEADLINE) throw thrown;
      }
      await this.#pause(tries);
    }
  }

  #pause(tries: number): Promise<void> {
    const { clock, random } = this.runtime;
    const cap = Math.min(FIRST_PAUSE * 2 ** (tries - 1), LONGEST_PAUSE);
    return new Promise((resolve) => clock.schedule(random.float() * cap, resolve));
  }
}

function noAnswer(): ChatError {
  return unavailable("DynamoDB does not answer.");
}
