import { ChatError } from "@chat/protocol";
import { fanoutSuite } from "@chat/server/testing";
import { describe, expect, it } from "vitest";
import type { Fanout } from "../../src/fanout/fanout.js";
import { inProcessFanout } from "../../src/fanout/in-process-fanout.js";
import { regionalFanout } from "../../src/fanout/regional-fanout.js";

/** The ids of the suite as ids of a region. */
function within(region: string, fanout: Fanout): Fanout {
  return {
    publish: (serverIds, envelope) =>
      fanout.publish(
        serverIds.map((id) => `${region}/${id}`),
        envelope,
      ),
    subscribe: (serverId, handler) => fanout.subscribe(`${region}/${serverId}`, handler),
    close: () => fanout.close(),
  };
}

fanoutSuite({ describe, it }, "one region of several", () => {
  const broker = inProcessFanout();
  return {
    fanout: () => within("a", regionalFanout({ region: "a", local: shared(broker), remotes: {} })),
    dispose: () => broker.close(),
  };
});

/** One end of a broker: what it is asked to close is its own subscriptions. */
function shared(broker: Fanout): Fanout {
  const cancels: (() => void)[] = [];
  let closed = false;
  return {
    publish: (serverIds, envelope) => void (closed || broker.publish(serverIds, envelope)),
    async subscribe(serverId, handler) {
      if (closed) throw new ChatError("closed", "This end was closed.");
      const cancel = await broker.subscribe(serverId, handler);
      cancels.push(cancel);
      return cancel;
    },
    async close() {
      closed = true;
      for (const cancel of cancels) cancel();
    },
  };
}

describe("a fan-out of several regions", () => {
  it("sends one envelope to each other region, which reaches all servers that are meant there", async () => {
    const [east, west] = [inProcessFanout(), inProcessFanout()];
    const crossings: (readonly string[])[] = [];
    const counted: Fanout = {
      ...west,
      publish(serverIds, envelope) {
        crossings.push(serverIds);
        west.publish(serverIds, envelope);
      },
      subscribe: (...args) => west.subscribe(...args),
    };
    const eastern = regionalFanout({ region: "east", local: east, remotes: { west: counted } });
    const western = regionalFanout({ region: "west", local: west, remotes: { east } });
    const arrived: string[] = [];
    const all = new Promise<void>((resolve) => {
      const hear = (serverId: string) => (): void => {
        arrived.push(serverId);
        if (arrived.length === 4) resolve();
      };
      void eastern.subscribe("east/1", hear("east/1"));
      for (const id of ["west/1", "west/2", "west/3", "west/4"]) void western.subscribe(id, hear(id));
    });
    await new Promise((resolve) => setImmediate(resolve));
    eastern.publish(["west/1", "west/2", "east/1", "west/3"], Uint8Array.of(1));
    await all;
    expect(arrived.sort()).toEqual(["east/1", "west/1", "west/2", "west/3"]);
    expect(crossings).toHaveLength(1);
    expect(crossings[0]).toHaveLength(1);
  });

  it("says once of a region that it does not know, and drops what is damaged", async () => {
    const local = inProcessFanout();
    const events: object[] = [];
    const fanout = regionalFanout({
      region: "east",
      local,
      remotes: {},
      runtime: {
        random: { bytes: () => new Uint8Array(), float: () => 0.99 },
        log: (...line) => events.push(line),
      },
    });
    const arrived = new Promise<Uint8Array>((resolve) => void fanout.subscribe("east/1", resolve));
    await new Promise((resolve) => setImmediate(resolve));
    for (const _ of [1, 2]) fanout.publish(["mars/1", "nowhere"], Uint8Array.of(1));
    for (const bytes of [[], [0xc1], [0x93, 1, 1, 1], [0x93, 2, 0x90, 0xc4, 0]])
      local.publish(["east/1#relay"], Uint8Array.from(bytes));
    fanout.publish(["east/1"], Uint8Array.of(7));
    expect(await arrived).toEqual(Uint8Array.of(7));
    expect(events).toEqual([
      ["warn", "fanout_region_unknown", { serverId: "mars/1", region: "mars" }],
      ["warn", "fanout_region_unknown", { serverId: "nowhere", region: "" }],
    ]);
  });

  it("refuses ids and names that do not fit", async () => {
    const local = inProcessFanout();
    const fanout = regionalFanout({ region: "east", local, remotes: {} });
    await expect(fanout.subscribe("west/1", () => {})).rejects.toMatchObject({ code: "invalid_argument" });
    for (const region of ["", "a/b"])
      expect(() => regionalFanout({ region, local, remotes: {} })).toThrow(/holds something, and no/);
    expect(() => regionalFanout({ region: "a", local, remotes: { a: local } })).toThrow(/is this one/);
  });
});
