import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Authenticated, inProcessFanout, inProcessRegistry } from "../../src/index.js";
import { openServer, temporaryFolder } from "../open-server.js";
import { RawDevice } from "../raw-device.js";
import { VirtualClock } from "../virtual-clock.js";

const PHONE = "00000000-0000-4000-8000-000000000001";
const LAPTOP = "00000000-0000-4000-8000-000000000002";

describe("disconnect", () => {
  it("closes the connections of a user, of a device, or of one device of a user, and no other", async () => {
    const server = await openServer();
    const phone = await RawDevice.open(server, "ana", PHONE);
    const laptop = await RawDevice.open(server, "ana", LAPTOP);
    const bo = await RawDevice.open(server, "bo", PHONE);
    await server.disconnect({ userId: "ana", deviceId: PHONE });
    expect([phone, laptop, bo].map(({ closedWith }) => closedWith?.code)).toEqual([
      4401,
      undefined,
      undefined,
    ]);
    expect(phone.received.at(-1)).toMatchObject({ type: "error", requestId: 0, code: "unauthenticated" });
    await server.disconnect({ deviceId: PHONE });
    expect([laptop, bo].map(({ closedWith }) => closedWith?.code)).toEqual([undefined, 4401]);
    await server.disconnect({ userId: "ana" });
    expect(laptop.closedWith).toMatchObject({ code: 4401 });
    expect(server.connections).toBe(0);
  });

  it("reaches the other servers by the fan-out", async () => {
    const file = join(temporaryFolder(), "chat.db");
    const clock = new VirtualClock();
    const [registry, fanout] = [inProcessRegistry(clock.runtime.clock), inProcessFanout()];
    const shared = { registry, fanout, runtime: clock.runtime };
    const one = await openServer({ ...shared, serverId: "one" }, file);
    const two = await openServer({ ...shared, serverId: "two" }, file);
    const here = await RawDevice.open(one, "ana");
    const there = await RawDevice.open(two, "ana");
    const other = await RawDevice.open(two, "bo");
    await one.disconnect({ userId: "ana" });
    await there.closed();
    expect([here, there, other].map(({ closedWith }) => closedWith?.code)).toEqual([4401, 4401, undefined]);
  });

  it("does not let in a token that was looked at before it was revoked", async () => {
    let answer: (authenticated: Authenticated) => void = () => {};
    const server = await openServer({
      authenticate: () => new Promise<Authenticated>((resolve) => (answer = resolve)),
    });
    const device = new RawDevice(server, "ana");
    const hello = device.hello();
    while (server.connections === 0) await new Promise((turn) => setImmediate(turn));
    await new Promise((turn) => setImmediate(turn));
    await server.disconnect({ userId: "ana" });
    await server.disconnect({ userId: "bo" });
    answer({ userId: "ana" });
    expect(await hello).toMatchObject({ type: "error", code: "unauthenticated" });
    expect(await device.closed()).toMatchObject({ code: 4401 });
  });

  it("and a token that is revoked since is not accepted again", async () => {
    const revoked = new Set<string>();
    const server = await openServer({
      authenticate({ token }) {
        if (revoked.has(token)) throw new Error("revoked");
        return { userId: token };
      },
    });
    const device = await RawDevice.open(server, "ana");
    revoked.add("ana");
    await server.disconnect({ userId: "ana" });
    expect(device.closedWith).toMatchObject({ code: 4401 });
    const again = new RawDevice(server, "ana");
    expect(await again.hello()).toMatchObject({ type: "error", code: "unauthenticated", retryable: false });
  });

  it.each([{}, { userId: "" }, { deviceId: "phone" }, { userId: 5 }])("refuses %j", async (whom) => {
    const server = await openServer();
    await expect(server.disconnect(whom as never)).rejects.toMatchObject({ code: "invalid_argument" });
  });
});
