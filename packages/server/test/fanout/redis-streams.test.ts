import { expect, it } from "vitest";
import { type RedisConnection, redisFanout } from "../../src/fanout/redis/index.js";
import { VirtualClock } from "../virtual-clock.js";

it("closes a connection that has never stood, or it would try for ever and keep the process", async () => {
  const clock = new VirtualClock();
  const open = new Set<object>();
  const connection: Pick<RedisConnection, "reader"> = {
    reader() {
      const reader = { command: () => new Promise(() => {}), close: () => void open.delete(reader) };
      open.add(reader);
      return reader;
    },
  };
  const fanout = redisFanout(connection as RedisConnection, { buffered: true, runtime: clock.runtime });
  const subscribing = expect(fanout.subscribe("one", () => {})).rejects.toMatchObject({
    code: "store_unavailable",
  });
  await clock.settle();
  clock.advance(10_000);
  await subscribing;
  expect(open.size).toBe(1);
  await fanout.close();
  expect(open.size).toBe(0);
});
