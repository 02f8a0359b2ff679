import { newUuid, systemRuntime } from "@chat/protocol";
import { type AmqpConnection, rabbitmqFanout } from "@chat/server/rabbitmq";
import { fanoutFaultSuite, fanoutSuite } from "@chat/server/testing";
import { connect as connect2 } from "amqplib";
import { connect as connect0 } from "amqplib-0";
import { connect as connect1 } from "amqplib-1";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EngineProcess } from "../engines/engine-process.js";
import { ENGINE_URLS, isUp } from "../engines/engine-urls.js";
import { openWay } from "../engines/open-way.js";
import { hasRabbitmq, startRabbitmq } from "../engines/start-rabbitmq.js";

const runtime = systemRuntime();

const DRIVERS: Record<string, (url: string) => PromiseLike<AmqpConnection>> = {
  "amqplib 2": (url) => connect2(url),
  "amqplib 1": (url) => connect1(url),
  "amqplib 0.10": (url) => connect0(url),
};

const up = await isUp("rabbitmq");

for (const [driver, connect] of Object.entries(DRIVERS)) {
  describe.skipIf(!up)(`RabbitMQ fan-out with ${driver}`, () => {
    fanoutSuite({ describe, it }, driver, () => {
      const prefix = `test-${newUuid(runtime.random)}`;
      return {
        fanout: () => rabbitmqFanout(() => connect(ENGINE_URLS.rabbitmq), { prefix }),
        dispose: () => undefined,
      };
    });
  });
}

describe.skipIf(!up)("RabbitMQ fan-out", () => {
  it("leaves a queue that is bounded and expires", async () => {
    const prefix = `test-${newUuid(runtime.random)}`;
    const connection = await connect2(ENGINE_URLS.rabbitmq);
    const fanout = rabbitmqFanout(() => connect2(ENGINE_URLS.rabbitmq), { prefix });
    await fanout.subscribe("a", () => {});
    await fanout.close();
    const channel = await connection.createChannel();
    // Asserting it with other bounds would be refused.
    await channel.assertQueue(`${prefix}.server.a`, {
      durable: true,
      expires: 60_000,
      maxLength: 10_000,
      arguments: { "x-max-length-bytes": 16_777_216 },
    });
    await channel.deleteQueue(`${prefix}.server.a`);
    await connection.close();
  });

  it("goes on when somebody deletes its queue", async () => {
    const prefix = `test-${newUuid(runtime.random)}`;
    const connection = await connect2(ENGINE_URLS.rabbitmq);
    const fanout = rabbitmqFanout(() => connect2(ENGINE_URLS.rabbitmq), { prefix });
    let arrived = 0;
    await fanout.subscribe("a", () => arrived++);
    const channel = await connection.createChannel();
    await channel.deleteQueue(`${prefix}.server.a`);
    while (arrived === 0) {
      fanout.publish(["a"], Uint8Array.of(1));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(arrived).toBeGreaterThan(0);
    await fanout.close();
    await channel.deleteQueue(`${prefix}.server.a`);
    await connection.close();
  });
});

describe.skipIf(!up)("RabbitMQ fan-out, when the way to RabbitMQ is cut", () => {
  it("replaces a connection that RabbitMQ never answers again", async () => {
    const prefix = `test-${newUuid(runtime.random)}`;
    const way = await openWay(ENGINE_URLS.rabbitmq);
    const connection = await connect2(ENGINE_URLS.rabbitmq);
    const url = new URL(ENGINE_URLS.rabbitmq);
    url.host = `127.0.0.1:${way.port}`;
    const fanout = rabbitmqFanout(() => connect2(url.href), { prefix });
    let arrived = 0;
    await fanout.subscribe("a", () => arrived++);
    way.deafen();
    // It hears that its queue is gone; that it closes the connection for it is heard by nobody.
    const channel = await connection.createChannel();
    await channel.deleteQueue(`${prefix}.server.a`);
    while (arrived === 0) {
      fanout.publish(["a"], Uint8Array.of(1));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(way.opened()).toBe(2);
    await fanout.close();
    await channel.deleteQueue(`${prefix}.server.a`);
    await connection.close();
    way.close();
  });
});

describe.skipIf(!hasRabbitmq)("RabbitMQ fan-out, when RabbitMQ fails", () => {
  let engine: EngineProcess | undefined;
  // It takes seconds to start, so the cases share one.
  beforeAll(async () => {
    engine = await startRabbitmq();
  }, 60_000);
  afterAll(() => engine?.dispose());

  fanoutFaultSuite({ describe, it }, "RabbitMQ", async () => {
    const own = engine!;
    await own.start();
    return {
      kill: () => own.kill(),
      start: () => own.start(),
      fanout: async (log) =>
        rabbitmqFanout(() => connect2(`amqp://guest:guest@127.0.0.1:${own.port}`), {
          runtime: { ...runtime, log },
        }),
      dispose: async () => {},
    };
  });
});
