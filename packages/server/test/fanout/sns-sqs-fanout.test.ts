import { type SqsClient, snsSqsFanout } from "@chat/server/sns-sqs";
import { expect, it } from "vitest";
import { packEnvelopes } from "../../src/fanout/packet.js";
import { QueueNames } from "../../src/fanout/sns-sqs/queue-names.js";
import { VirtualClock } from "../virtual-clock.js";

type Received = Awaited<ReturnType<SqsClient["receiveMessage"]>>;

/** SNS and SQS in the hand of the test: what they answer to `publishBatch` and `receiveMessage` stands there. */
function open() {
  const clock = new VirtualClock();
  const world = {
    clock,
    queues: 0,
    published: 0,
    received: 0,
    heard: [] as number[],
    /** Of the topic, by the queue's ARN. */
    subscriptions: new Map<string, string>(),
    publish: (): Promise<object> => Promise.resolve({}),
    receive: (): Promise<Received> => unanswered(),
  };
  const sns = {
    createTopic: async () => ({ TopicArn: "topic" }),
    publishBatch: () => (world.published++, world.publish()),
    subscribe: async () => ({ SubscriptionArn: "subscription" }),
    listSubscriptionsByTopic: async () => ({
      Subscriptions: [...world.subscriptions].map(([Endpoint, SubscriptionArn]) => ({
        Endpoint,
        SubscriptionArn,
      })),
    }),
    async unsubscribe({ SubscriptionArn }: { SubscriptionArn: string }) {
      for (const [endpoint, arn] of world.subscriptions)
        if (arn === SubscriptionArn) world.subscriptions.delete(endpoint);
    },
  };
  const sqs = {
    createQueue: async () => ({ QueueUrl: `queue ${++world.queues}` }),
    getQueueAttributes: async () => ({ Attributes: { QueueArn: "arn" } }),
    setQueueAttributes: async () => ({}),
    listQueues: async () => ({}),
    receiveMessage: () => (world.received++, world.receive()),
    deleteMessageBatch: async () => ({}),
    deleteQueue: async () => ({}),
  };
  const fanout = snsSqsFanout({
    sns,
    sqs,
    registry: { servers: async () => ["a", "b"] },
    runtime: clock.runtime,
  });
  return Object.assign(world, {
    fanout,
    subscribe: () => fanout.subscribe("a", (envelope) => world.heard.push(envelope[0]!)),
    async after(duration: number) {
      clock.advance(duration);
      await clock.settle();
    },
  });
}

function unanswered(): Promise<never> {
  return new Promise(() => {});
}

it("publishes on after a request that nobody answers", async () => {
  const world = open();
  world.publish = unanswered;
  world.fanout.publish(["a"], Uint8Array.of(1));
  await world.after(0);
  await world.after(4_000);
  world.fanout.publish(["a"], Uint8Array.of(2));
  expect(world.published).toBe(1);
  await world.after(2_000);
  expect(world.published).toBe(2);
});

it("asks for messages again where the connection fell silent", async () => {
  const world = open();
  await world.subscribe();
  await world.after(24_000);
  expect(world.received).toBe(1);
  const [Body] = packEnvelopes([Uint8Array.of(7)]).map((bytes) => Buffer.from(bytes).toString("base64"));
  world.receive = async () => {
    world.receive = unanswered;
    return { Messages: [{ Body, MessageAttributes: { server: { StringValue: "a" } } }] };
  };
  await world.after(2_000);
  await world.after(200);
  expect(world.heard).toEqual([7]);
});

it("makes its queue anew at once when AWS is back without it, however long it was away", async () => {
  const world = open();
  world.receive = () => Promise.reject(new Error("connect ECONNREFUSED"));
  await world.subscribe();
  for (let second = 0; second < 60; second++) await world.after(1_000);
  expect(world.received).toBeLessThan(20);
  const gone = Object.assign(new Error("gone"), { name: "QueueDoesNotExist", $fault: "client" });
  world.receive = () => {
    world.receive = unanswered;
    return Promise.reject(gone);
  };
  const asked = world.received;
  while (world.received === asked) await world.after(100);
  expect(world.queues).toBe(1);
  await world.after(200);
  expect(world.queues).toBe(2);
});

it("ends the subscriptions of queues that are gone, of those who are not there and of nobody else", async () => {
  const world = open();
  const names = new QueueNames("chat");
  const endpoint = (serverId: string) => `arn:aws:sqs:eu:1:${names.nameFor(serverId, "0123456789")}`;
  world.subscriptions.set(endpoint("gone"), "1").set(endpoint("b"), "2").set("arn:aws:sqs:eu:1:mail", "3");
  await world.subscribe();
  await world.after(0);
  expect([...world.subscriptions.values()]).toEqual(["2", "3"]);
});
