import { newUuid, systemRuntime } from "@chat/protocol";
import { kafkaFanout, kafkajs } from "@chat/server/kafka";
import { fanoutFaultSuite, fanoutSuite } from "@chat/server/testing";
import { Kafka, logLevel } from "kafkajs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hasKafka, MockKafka } from "../engines/start-kafka.js";

const runtime = systemRuntime();

/** The mock's brokers move when it is started again; real ones stay where they are. */
function clientOf(kafka: MockKafka): Kafka {
  return new Kafka({ clientId: "chat-test", brokers: () => kafka.brokers, logLevel: logLevel.NOTHING });
}

describe.skipIf(!hasKafka)("Kafka fan-out", () => {
  const kafka = new MockKafka();
  beforeAll(() => kafka.start());
  afterAll(() => kafka.kill());

  const channel = () => {
    const topic = `test-${newUuid(runtime.random)}`;
    return {
      topic,
      fanout: () => kafkaFanout(kafkajs(clientOf(kafka)), { topic, prefix: topic }),
      dispose: () => undefined,
    };
  };
  // A group takes three seconds to form, as with a real broker: the cases wait for theirs at the same time.
  fanoutSuite({ describe, it: it.concurrent }, "kafkajs 2", channel);

  it("tells servers apart that share a partition, and drops what is none of its own", async () => {
    const { topic, fanout } = channel();
    const one = fanout();
    // The mock has four partitions, so two of these share one.
    const ids = ["a", "b", "c", "d", "e"];
    const arrived: string[] = [];
    await Promise.all(ids.map((id) => one.subscribe(id, () => arrived.push(id))));
    const { send, close } = kafkajs(clientOf(kafka));
    const foreign = { key: "a", value: Uint8Array.of(9, 9, 9) };
    await send(
      topic,
      [0, 1, 2, 3].map((partition) => ({ ...foreign, partition })),
    );
    for (const id of ids) one.publish([id], Uint8Array.of(1));
    while (arrived.length < ids.length) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(arrived.sort()).toEqual(ids);
    await close();
    await one.close();
  });

  it("refuses a topic's name that Kafka would refuse", () => {
    expect(() => kafkaFanout(kafkajs(clientOf(kafka)), { topic: "a b" })).toThrow(/letters, digits/);
  });
});

describe.skipIf(!hasKafka)("Kafka fan-out, when Kafka fails", () => {
  // Each case has a broker of its own, and waits for its groups as above.
  fanoutFaultSuite({ describe, it: it.concurrent }, "kafkajs 2", async () => {
    const engine = new MockKafka();
    await engine.start();
    return {
      kill: () => engine.kill(),
      start: () => engine.start(),
      fanout: async (log) => kafkaFanout(kafkajs(clientOf(engine)), { runtime: { ...runtime, log } }),
      dispose: () => engine.kill(),
    };
  });
});
