import { expect, it } from "vitest";
import { inProcessRegistry, type Registry } from "../../src/index.js";
import { RawDevice } from "../raw-device.js";
import { RegistryLease } from "../../src/session/registry-lease.js";
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

it.each(["join", "register"] as const)(
  "registers every session again although the registry fails at %s when the lease is lost",
  async (step) => {
    const clock = new VirtualClock();
    const registry = inProcessRegistry(clock.runtime.clock);
    const identity = { serverId: "one", incarnation: crypto.randomUUID() };
    const records = ["a", "b", "c"].map((userId) => ({ userId, deviceId: userId, connectionId: userId }));
    const registered = new Set<string>();
    let isAway = false;
    /** What is done is done, and nobody hears of it. */
    const unheard = (at: string): void => {
      if (isAway && at === step) throw new Error("The connection was lost.");
    };
    const lease = new RegistryLease({
      runtime: clock.runtime,
      identity,
      duration: 3_000,
      records: () => records,
      registry: {
        ...pass(registry),
        async join(server, duration) {
          await registry.join(server, duration);
          registered.clear();
          unheard("join");
        },
        async register(server, session) {
          if (session.userId === "b") unheard("register");
          await registry.register(server, session);
          registered.add(session.userId);
        },
      },
    });
    await lease.begin();
    await registry.leave(identity);
    isAway = true;
    clock.advance(1_000);
    await clock.settle();
    expect(registered.size).toBeLessThan(3);
    isAway = false;
    clock.advance(1_000);
    await clock.settle();
    expect([...registered].sort()).toEqual(["a", "b", "c"]);
    registered.clear();
    clock.advance(1_000);
    await clock.settle();
    expect(registered.size, "once is enough").toBe(0);
    lease.end();
  },
);

function pass(registry: Registry): Registry {
  return {
    join: (...given) => registry.join(...given),
    renew: (...given) => registry.renew(...given),
    leave: (...given) => registry.leave(...given),
    register: (...given) => registry.register(...given),
    unregister: (...given) => registry.unregister(...given),
    serversOf: (...given) => registry.serversOf(...given),
    servers: () => registry.servers(),
  };
}
