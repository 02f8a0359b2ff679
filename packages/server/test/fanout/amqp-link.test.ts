import { EventEmitter } from "node:events";
import { expect, it } from "vitest";
import type { AmqpChannel, AmqpConnection } from "../../src/fanout/rabbitmq/amqp-connection.js";
import { AmqpLink } from "../../src/fanout/rabbitmq/amqp-link.js";
import { VirtualClock } from "../virtual-clock.js";

const nothing = async (): Promise<unknown> => undefined;

/** A connection that says `close` once it is closed, as amqplib's do. */
class FakeConnection extends EventEmitter implements AmqpConnection {
  isOpen = true;

  async createChannel(): Promise<AmqpChannel> {
    return new EventEmitter() as unknown as AmqpChannel;
  }

  async close(): Promise<void> {
    this.isOpen = false;
    this.emit("close");
  }
}

it("connects again where RabbitMQ lets a connection be made and says nothing on it", async () => {
  const clock = new VirtualClock();
  let answer = (_: AmqpConnection): void => {};
  const deaf = new Promise<AmqpConnection>((resolve) => (answer = resolve));
  const made = new FakeConnection();
  const tries = [deaf, Promise.resolve(made)];
  const link = new AmqpLink(() => tries.shift()!, clock.runtime);
  let stands = false;
  void link.keep(async () => nothing).then(() => (stands = true));
  await clock.settle();
  clock.advance(9_000);
  await clock.settle();
  expect(tries).toHaveLength(1);
  clock.advance(2_000);
  await clock.settle();
  clock.advance(100);
  await clock.settle();
  expect(stands).toBe(true);
  // What answers after all is not left open.
  const late = new FakeConnection();
  answer(late);
  await clock.settle();
  expect(late.isOpen).toBe(false);
  expect(made.isOpen).toBe(true);
  await link.close();
});

it("waits longer and longer where RabbitMQ takes connections and refuses what is done on them", async () => {
  const clock = new VirtualClock();
  let opened = 0;
  const connect = async (): Promise<AmqpConnection> => {
    opened++;
    return new FakeConnection();
  };
  const link = new AmqpLink(connect, clock.runtime);
  void link.keep(() => Promise.reject(new Error("406 PRECONDITION_FAILED")));
  for (let passed = 0; passed < 60_000; passed += 50) {
    await clock.settle();
    clock.advance(50);
  }
  expect(opened).toBeGreaterThan(10);
  expect(opened).toBeLessThan(40);
  await link.close();
});

it("connects again at once when it loses a connection that has stood for long", async () => {
  const clock = new VirtualClock();
  const opened: FakeConnection[] = [];
  let isRefusing = true;
  const connect = async (): Promise<AmqpConnection> => {
    if (isRefusing) throw new Error("ECONNREFUSED");
    opened.push(new FakeConnection());
    return opened.at(-1)!;
  };
  const link = new AmqpLink(connect, clock.runtime);
  void link.keep(async () => nothing);
  for (let passed = 0; passed < 30_000; passed += 1_000) {
    await clock.settle();
    clock.advance(1_000);
  }
  isRefusing = false;
  for (let passed = 0; passed < 12_000; passed += 1_000) {
    await clock.settle();
    clock.advance(1_000);
  }
  expect(opened).toHaveLength(1);
  await opened[0]!.close();
  await clock.settle();
  clock.advance(50);
  await clock.settle();
  expect(opened).toHaveLength(2);
  await link.close();
});
