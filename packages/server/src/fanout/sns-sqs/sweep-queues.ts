import type { Runtime } from "@chat/protocol";
import type { Registry } from "../../registry/registry.js";
import type { SnsClient, SqsClient } from "./aws-clients.js";
import type { QueueNames } from "./queue-names.js";
import type { ServerQueue } from "./server-queue.js";

/** How many queues one request lists: the most that SQS allows. */
const LIST_QUEUES = 1_000;

interface Sweep {
  readonly sns: SnsClient;
  readonly sqs: SqsClient;
  readonly registry: Pick<Registry, "servers">;
  readonly names: QueueNames;
  /** The queues of this process, and whose they are. */
  readonly queues: ReadonlyMap<ServerQueue, string>;
  readonly topicArn: string;
  readonly runtime: Pick<Runtime, "log">;
}

/**
 * Removes the queues of servers whose lease is over and what earlier runs of this one have left, with their subscriptions; and has this one's
 * queues subscribe again where their subscription is gone.
 */
export async function sweepQueues({
  sns,
  sqs,
  registry,
  names,
  queues,
  topicArn,
  runtime,
}: Sweep): Promise<void> {
  // Queues first: one that is made later is not among them, and its server has joined before.
  const urls = await listQueues(sqs, names.prefix);
  const subscriptions = await listSubscriptions(sns, topicArn);
  for (const queue of queues.keys()) await queue.check(new Set(subscriptions.keys()));

  // A queue may be gone and its subscription not: nobody else ends that, and a topic takes only so many.
  const endpoints = [...subscriptions.keys()].map((endpoint) =>
    endpoint.slice(endpoint.lastIndexOf(":") + 1),
  );
  const known = [...new Set([...urls.keys(), ...endpoints])];
  // Those of a server whose queue is being made can't be told apart yet.
  const left = [...queues].flatMap(([{ name: own }, id]) =>
    own === undefined ? [] : known.filter((name) => name !== own && names.isOf(id, name)),
  );
  const dead = names.ofOthers(known, [...(await registry.servers()), ...queues.values()]);
  for (const name of [...left, ...dead]) {
    const { signal: abortSignal } = new AbortController();
    for (const [endpoint, SubscriptionArn] of subscriptions) {
      if (endpoint.endsWith(`:${name}`)) await sns.unsubscribe({ SubscriptionArn }, { abortSignal });
    }
    const url = urls.get(name);
    if (url !== undefined) await sqs.deleteQueue({ QueueUrl: url }, { abortSignal });
    runtime.log("info", "fanout_queue_removed", { broker: "SQS", queue: name });
  }
}

/** URLs by name. */
async function listQueues(sqs: SqsClient, prefix: string): Promise<Map<string, string>> {
  const urls = new Map<string, string>();
  let page: string | undefined;
  do {
    const { QueueUrls = [], NextToken } = await sqs.listQueues({
      QueueNamePrefix: prefix,
      MaxResults: LIST_QUEUES,
      ...(page !== undefined && { NextToken: page }),
    });
    for (const url of QueueUrls) urls.set(url.slice(url.lastIndexOf("/") + 1), url);
    page = NextToken;
  } while (page !== undefined);
  return urls;
}

/** Subscriptions by the queue's ARN. */
async function listSubscriptions(sns: SnsClient, topicArn: string): Promise<Map<string, string>> {
  const subscriptions = new Map<string, string>();
  let page: string | undefined;
  do {
    const { Subscriptions = [], NextToken } = await sns.listSubscriptionsByTopic({
      TopicArn: topicArn,
      ...(page !== undefined && { NextToken: page }),
    });
    for (const { Endpoint, SubscriptionArn } of Subscriptions) {
      if (Endpoint !== undefined && SubscriptionArn !== undefined)
        subscriptions.set(Endpoint, SubscriptionArn);
    }
    page = NextToken;
  } while (page !== undefined);
  return subscriptions;
}
