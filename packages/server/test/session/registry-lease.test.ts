import { expect, it } from "vitest";
import { inProcessRegistry } from "../../src/index.js";
import { RawDevice } from "../raw-device.js";
import { openServer } from "../open-server.js";
import { VirtualClock } from "../virtual-clock.js";

/** A registry that answers until it is away: from then on it says nothing, as a client that waits for its connection. */
function registryThatGoes(clock: VirtualClock) {
  const inner = inProcessRegistry(clock.runtime.clock);
  let away = false;
  const unlessAway = <T>(work: () => Promise<T>): Promise<T> => (away ? new Promise<T>(() => {}) : work());
  return {
    goAway: () => void (away = true),
    registry: {
      join: (...given: Parameters<typeof inner.join>) => unlessAway(() => inner.join(...given)),
      renew: (...given: Parameters<typeof inner.renew>) => unlessAway(() => inner.renew(...given)),
      leave: (...given: Parameters<typeof inner.leave>) => unlessAway(() => inner.leave(...given)),
      register: (...given: Parameters<typeof inner.register>) => unlessAway(() => inner.register(...given)),
      unregister: (...given: Parameters<typeof inner.unregister>) =>
        unlessAway(() => inner.unregister(...given)),
      serversOf: (conversationId: string) => unlessAway(() => inner.serversOf(conversationId)),
      servers: () => unlessAway(() => inner.servers()),
    },
  };
}

it("closes though the registry answers no more", async () => {
  const clock = new VirtualClock();
  const { registry, goAway } = registryThatGoes(clock);
  const server = await openServer({ registry, runtime: clock.runtime });
  const ana = await RawDevice.open(server, "ana");
  goAway();
  let isClosed = false;
  void server.close().then(() => (isClosed = true));
  for (let passed = 0; passed < 10_000; passed += 1_000) {
    await clock.settle();
    expect(isClosed).toBe(false);
    clock.advance(1_000);
  }
  await clock.settle();
  expect([isClosed, ana.closedWith?.reason]).toEqual([true, "goingAway"]);
});
