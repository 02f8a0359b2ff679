import { type Cancel, newUuid, type Runtime } from "@chat/protocol";
import { isAwsAnswer } from "../../aws/is-aws-answer.js";
import type { SnsClient, SqsClient } from "./aws-clients.js";
import type { QueueNames } from "./queue-names.js";

/** How long a message waits, s: what bounds the queue of a server that is slow or gone. */
const RETENTION = 300;
/** What was received and not deleted comes again after so many s. */
const VISIBILITY = 30;
/** How long one request waits for messages, s, and how many it takes: the most that SQS allows. */
const LONG_POLL = 20;
const RECEIVE_MESSAGES = 10;
/** Between two tries to receive, ms: half of the pause is chance. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 10_000;
/** How long the removal of a queue may take when its server closes, ms. */
const CLOSE_DEADLINE = 2_000;

/** The attribute of a message that names its server. */
export const SERVER_ATTRIBUTE = "server";

/** What queues are made of. */
export interface ServerQueueOptions {
  readonly sns: SnsClient;
  readonly sqs: SqsClient;
  readonly runtime: Runtime;
  readonly names: QueueNames;
  /** The topic's ARN; makes the topic if need be. */
  topic(): Promise<string>;
}

interface Queue {
  readonly name: string;
  readonly url: string;
  readonly arn: string;
  readonly subscription: string;
}

/** One server's queue behind the topic, made anew whenever it is gone. */
export class ServerQueue {
  readonly #options: ServerQueueOptions;
  readonly #serverId: string;
  readonly #handler: (packet: Uint8Array) => void;
  readonly #stopped = new AbortController();
  #queue: Queue | undefined;
  #removed: Promise<void> | undefined;
  #cancelPause: Cancel = () => {};

  constructor(options: ServerQueueOptions, serverId: string, handler: (packet: Uint8Array) => void) {
    this.#options = options;
    this.#serverId = serverId;
    this.#handler = handler;
  }

  /** The queue's name, once there is one. */
  get name(): string | undefined {
    return this.#queue?.name;
  }

  /** Makes the queue and begins to receive. As long as AWS can't be reached it tries; what AWS refuses, it throws. */
  async open(): Promise<void> {
    for (let pause = FIRST_PAUSE; !this.#stopped.signal.aborted; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
      try {
        await this.#create();
        break;
      } catch (error) {
        if (isAwsAnswer(error)) throw error;
        if (pause === FIRST_PAUSE) this.#noteFailure(error);
      }
      await this.#wait(pause);
    }
    void this.#receiveOn();
  }

  /** Subscribes again if the topic was made anew under the queue. */
  async check(subscribed: ReadonlySet<string>): Promise<void> {
    const queue = this.#queue;
    if (queue === undefined || subscribed.has(queue.arn) || this.#stopped.signal.aborted) return;
    this.#queue = { ...queue, subscription: await this.#subscribe(queue.arn) };
  }

  /** Ends receiving and removes the queue; gives up after a while. */
  remove(): Promise<void> {
    this.#removed ??= this.#remove();
    return this.#removed;
  }

  async #create(): Promise<void> {
    const { sqs, names, runtime, topic } = this.#options;
    const topicArn = await topic();
    // Never the same name twice: SQS wants a minute before it gives a deleted one away again.
    const name = names.nameFor(this.#serverId, newUuid(runtime.random));
    const { QueueUrl: url = "" } = await sqs.createQueue({
      QueueName: name,
      Attributes: { MessageRetentionPeriod: String(RETENTION), VisibilityTimeout: String(VISIBILITY) },
    });
    const { Attributes } = await sqs.getQueueAttributes({ QueueUrl: url, AttributeNames: ["QueueArn"] });
    const arn = Attributes?.["QueueArn"] ?? "";
    await sqs.setQueueAttributes({ QueueUrl: url, Attributes: { Policy: policyOf(arn, topicArn) } });
    this.#queue = { name, url, arn, subscription: await this.#subscribe(arn) };
    // Closed meanwhile, and nobody waits for it.
    if (this.#stopped.signal.aborted) await this.#remove();
  }

  async #subscribe(queueArn: string): Promise<string> {
    const { SubscriptionArn } = await this.#options.sns.subscribe({
      TopicArn: await this.#options.topic(),
      Protocol: "sqs",
      Endpoint: queueArn,
      Attributes: {
        RawMessageDelivery: "true",
        FilterPolicy: JSON.stringify({ [SERVER_ATTRIBUTE]: [this.#serverId] }),
      },
      ReturnSubscriptionArn: true,
    });
    return SubscriptionArn ?? "";
  }

  #noteFailure(error: unknown): void {
    this.#options.runtime.log("warn", "fanout_receive_failed", { broker: "SQS", error: String(error) });
  }

  /** @param pause ms at the most; ends at once when receiving ends */
  #wait(pause: number): Promise<void> {
    const { clock, random } = this.#options.runtime;
    if (this.#stopped.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = clock.schedule(pause * (0.5 + random.float() / 2), resolve);
      this.#cancelPause = () => {
        cancel();
        resolve();
      };
    });
  }

  async #receiveOn(): Promise<void> {
    let pause = FIRST_PAUSE;
    let isAway = false;
    while (!this.#stopped.signal.aborted) {
      try {
        if (this.#queue === undefined) await this.#create();
        if (this.#queue !== undefined) await this.#receive(this.#queue);
        pause = FIRST_PAUSE;
        isAway = false;
      } catch (error) {
        if (this.#stopped.signal.aborted) return;
        if (isGone(error)) this.#queue = undefined;
        // What grew while AWS was away is not waited out once it answers: as often as not that the queue is gone.
        if (isAway && isAwsAnswer(error)) pause = FIRST_PAUSE;
        else if (pause === FIRST_PAUSE) this.#noteFailure(error);
        isAway = !isAwsAnswer(error);
        await this.#wait(pause);
        pause = Math.min(pause * 2, LONGEST_PAUSE);
      }
    }
  }

  async #receive({ url }: Queue): Promise<void> {
    const { sqs, runtime } = this.#options;
    const { Messages = [] } = await sqs.receiveMessage(
      {
        QueueUrl: url,
        MaxNumberOfMessages: RECEIVE_MESSAGES,
        WaitTimeSeconds: LONG_POLL,
        MessageAttributeNames: [SERVER_ATTRIBUTE],
      },
      { abortSignal: this.#stopped.signal },
    );
    const handled: { Id: string; ReceiptHandle: string }[] = [];
    for (const [index, { Body, ReceiptHandle, MessageAttributes }] of Messages.entries()) {
      // A new filter policy takes minutes to hold everywhere; until then come those of others as well.
      const mine = MessageAttributes?.[SERVER_ATTRIBUTE]?.StringValue === this.#serverId;
      if (mine && Body !== undefined) this.#handler(Buffer.from(Body, "base64"));
      if (ReceiptHandle !== undefined) handled.push({ Id: String(index), ReceiptHandle });
    }
    if (handled.length === 0) return;
    sqs.deleteMessageBatch({ QueueUrl: url, Entries: handled }).catch((error: unknown) => {
      // They come once more, and are dropped by their ids.
      runtime.log("debug", "fanout_delete_failed", { broker: "SQS", error: String(error) });
    });
  }

  async #remove(): Promise<void> {
    this.#stopped.abort();
    this.#cancelPause();
    const queue = this.#queue;
    this.#queue = undefined;
    if (queue === undefined) return;
    const { sns, sqs, runtime } = this.#options;
    const overdue = new AbortController();
    const cancel = runtime.clock.schedule(CLOSE_DEADLINE, () => overdue.abort());
    const options = { abortSignal: overdue.signal };
    const outcomes = await Promise.allSettled([
      sns.unsubscribe({ SubscriptionArn: queue.subscription }, options),
      sqs.deleteQueue({ QueueUrl: queue.url }, options),
    ]);
    cancel();
    for (const outcome of outcomes) {
      if (outcome.status === "rejected")
        // Another server removes it.
        runtime.log("debug", "fanout_remove_failed", { broker: "SQS", error: String(outcome.reason) });
    }
  }
}

/** True for the error of a queue that is not there, by the names that it has in either protocol of SQS. */
function isGone(error: unknown): boolean {
  return error instanceof Error && /QueueDoesNotExist|NonExistentQueue/.test(error.name);
}

function policyOf(queueArn: string, topicArn: string): string {
  return JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Principal: { Service: "sns.amazonaws.com" },
        Action: "sqs:SendMessage",
        Resource: queueArn,
        Condition: { ArnEquals: { "aws:SourceArn": topicArn } },
      },
    ],
  });
}
