import { SNS } from "@aws-sdk/client-sns";
import { SQS } from "@aws-sdk/client-sqs";
import { type Logger, newUuid, systemRuntime } from "@chat/protocol";
import { snsSqsFanout, type SnsSqsFanoutOptions } from "@chat/server/sns-sqs";
import { fanoutFaultSuite, fanoutSuite } from "@chat/server/testing";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { EngineProcess } from "../engines/engine-process.js";
import { hasFauxqs, startFauxqs } from "../engines/start-fauxqs.js";

const runtime = systemRuntime();

/** The servers that are alive. */
const registry = (...ids: string[]) => ({ servers: async () => ids });

function clients(port: number) {
  const options = {
    endpoint: `http://127.0.0.1:${port}`,
    region: "us-east-1",
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
  };
  return { sns: new SNS(options), sqs: new SQS(options) };
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe.skipIf(!hasFauxqs)("SNS and SQS fan-out", () => {
  let engine: EngineProcess | undefined;
  beforeAll(async () => {
    engine = await startFauxqs();
  }, 120_000);
  afterAll(() => engine?.dispose());

  function channel() {
    const prefix = `t-${newUuid(runtime.random).slice(0, 8)}`;
    const { sns, sqs } = clients(engine!.port);
    return {
      prefix,
      sns,
      sqs,
      fanout: (options: Partial<SnsSqsFanoutOptions> = {}) =>
        snsSqsFanout({ sns, sqs, prefix, registry: registry("a", "b", "c"), ...options }),
      async queues() {
        const { QueueUrls = [] } = await sqs.listQueues({ QueueNamePrefix: `${prefix}-`, MaxResults: 100 });
        return QueueUrls;
      },
      async subscriptions() {
        const { TopicArn } = await sns.createTopic({ Name: `${prefix}-servers` });
        return (await sns.listSubscriptionsByTopic({ TopicArn })).Subscriptions ?? [];
      },
      dispose() {
        sns.destroy();
        sqs.destroy();
      },
    };
  }

  fanoutSuite({ describe, it }, "SNS and SQS", channel);

  it("removes its queue and its subscription when it closes", async () => {
    const { fanout, queues, subscriptions, sqs } = channel();
    const one = fanout();
    await one.subscribe("a", () => {});
    const [QueueUrl] = await queues();
    const { Attributes } = await sqs.getQueueAttributes({ QueueUrl, AttributeNames: ["All"] });
    expect(Attributes).toMatchObject({ MessageRetentionPeriod: "300", VisibilityTimeout: "30" });
    expect(await subscriptions()).toHaveLength(1);
    await one.close();
    expect(await queues()).toEqual([]);
    expect(await subscriptions()).toEqual([]);
  });

  it("removes what servers have left that are not in the registry, and what its own earlier runs have", async () => {
    const { fanout, queues, subscriptions, sqs, prefix } = channel();
    // Nobody closes these: their processes were killed.
    const earlier = { registry: registry("dead", "alive", "a") };
    const left = [fanout(earlier), fanout(earlier), fanout(earlier)];
    for (const [index, id] of ["dead", "alive", "a"].entries()) await left[index]!.subscribe(id, () => {});
    await sqs.createQueue({ QueueName: `${prefix}-somebody-elses` });
    expect(await queues()).toHaveLength(4);
    const one = fanout({ registry: registry("a", "alive") });
    let arrived = 0;
    await one.subscribe("a", () => arrived++);
    await until(async () => (await queues()).length === 3);
    expect(await subscriptions()).toHaveLength(2);
    while (arrived === 0) {
      left[1]!.publish(["a"], Uint8Array.of(1));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    for (const fanout of [one, ...left]) await fanout.close();
  });

  it("makes its queue anew when somebody has deleted it", async () => {
    const { fanout, queues, sqs } = channel();
    const one = fanout();
    let arrived = 0;
    await one.subscribe("a", () => arrived++);
    await sqs.deleteQueue({ QueueUrl: (await queues())[0] });
    while (arrived === 0) {
      one.publish(["a"], Uint8Array.of(1));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await one.close();
  });

  it("takes what is delivered twice, and what a filter lets through by mistake", async () => {
    const { fanout, queues, sqs } = channel();
    const one = fanout();
    const arrived: number[] = [];
    await one.subscribe("a", (envelope) => arrived.push(envelope[0]!));
    const [QueueUrl] = await queues();
    const packet = Buffer.from([1, 0, 0, 0, 1, 7]).toString("base64");
    for (const server of ["a", "b", "a"]) {
      const MessageAttributes = { server: { DataType: "String", StringValue: server } };
      await sqs.sendMessage({ QueueUrl, MessageBody: packet, MessageAttributes });
    }
    one.publish(["a"], Uint8Array.of(9));
    await until(async () => arrived.includes(9));
    expect(arrived).toEqual([7, 7, 9]);
    await one.close();
  });

  it("refuses a prefix that can be no part of a name", () => {
    const { fanout } = channel();
    expect(() => fanout({ prefix: "chat.eu" })).toThrow(/letters, digits/);
  });
});

describe.skipIf(!hasFauxqs)("SNS and SQS fan-out, when they fail", () => {
  fanoutFaultSuite({ describe, it }, "SNS and SQS", async () => {
    const engine = await startFauxqs();
    const opened: ReturnType<typeof clients>[] = [];
    return {
      kill: () => engine.kill(),
      start: () => engine.start(),
      async fanout(log) {
        const { sns, sqs } = clients(engine.port);
        opened.push({ sns, sqs });
        return snsSqsFanout({ sns, sqs, registry: registry("a"), runtime: { ...runtime, log } });
      },
      async dispose() {
        for (const { sns, sqs } of opened) {
          sns.destroy();
          sqs.destroy();
        }
        await engine.dispose();
      },
    };
  });

  it("waits for AWS that can't be reached when a server starts", async () => {
    const engine = await startFauxqs();
    onTestFinished(() => engine.dispose());
    await engine.kill();
    const { sns, sqs } = clients(engine.port);
    const events: string[] = [];
    const log: Logger = (_level, event) => events.push(event);
    const fanout = snsSqsFanout({ sns, sqs, registry: registry("a"), runtime: { ...runtime, log } });
    const arrived = new Promise<void>((resolve) => {
      void fanout.subscribe("a", () => resolve()).then(() => fanout.publish(["a"], Uint8Array.of(1)));
    });
    while (events.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(events).toEqual(["fanout_receive_failed"]);
    await engine.start();
    await arrived;
    await fanout.close();
    sns.destroy();
    sqs.destroy();
  });
});
