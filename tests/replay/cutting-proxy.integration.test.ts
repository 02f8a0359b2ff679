import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Cut, CuttingProxy } from "./cutting-proxy.js";
import { SeededRandom } from "./seeded-random.js";

let server: Server;
let accepted: Socket[];
let proxy: CuttingProxy;
let port: number;
let serverPort: number | undefined;

beforeEach(async () => {
  accepted = [];
  server = createServer((socket) => {
    socket.on("error", () => {});
    accepted.push(socket);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  serverPort = (server.address() as AddressInfo).port;
  proxy = new CuttingProxy(() => serverPort);
  port = await proxy.listen();
});

afterEach(async () => {
  await proxy.close();
  for (const socket of accepted) socket.destroy();
  server.close();
});

/** A device whose first byte has reached the server. */
async function join(): Promise<{ device: Socket; peer: Socket }> {
  const device = connect({ host: "127.0.0.1", port });
  device.on("error", () => {});
  const arrives = once(server, "connection");
  device.write("a");
  await arrives;
  const peer = accepted.at(-1)!;
  await once(peer, "data");
  return { device, peer };
}

/** Everything that comes until the connection is closed. */
function untilClosed(socket: Socket): Promise<string> {
  let text = "";
  socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
  return new Promise((resolve) => socket.once("close", () => resolve(text)));
}

test("passes everything on in both directions, also what needs several writes", async () => {
  const { device, peer } = await join();
  let received = 0;
  peer.on("data", (chunk: Buffer) => {
    received += chunk.length;
    if (received === 5_000_000) peer.end("all of it");
  });
  const answer = untilClosed(device);
  device.write("x".repeat(5_000_000));
  expect(await answer).toBe("all of it");
});

test("cuts at once, both sides", async () => {
  const { device, peer } = await join();
  const closed = Promise.all([untilClosed(device), untilClosed(peer)]);
  let cuts = 0;
  proxy.cut("now", new SeededRandom(1), () => cuts++);
  expect(await closed).toEqual(["", ""]);
  expect(cuts).toBe(1);
});

test.each(["up", "down"] as const satisfies readonly Cut[])("tears the next chunk: %s", async (cut) => {
  const { device, peer } = await join();
  const [from, to] = cut === "up" ? [device, peer] : [peer, device];
  const arrived = untilClosed(to);
  const closed = untilClosed(from);
  let cuts = 0;
  proxy.cut(cut, new SeededRandom(1), () => cuts++);
  expect(cuts).toBe(0);
  from.write("0123456789");
  const part = await arrived;
  await closed;
  expect(part.length).toBeLessThan(10);
  expect("0123456789".startsWith(part)).toBe(true);
  expect(cuts).toBe(1);
});

test("lets nothing overtake what is under way on a slow line when it tears", async () => {
  const { device, peer } = await join();
  proxy.slow(new SeededRandom(1), 50, Infinity, 60_000);
  device.write("under way");
  const arrived = untilClosed(peer);
  while (proxy.bytesUnderWay === 0) await new Promise((resolve) => setImmediate(resolve));
  proxy.cut("up", new SeededRandom(1), () => {});
  device.write("0123456789");
  expect(await arrived).toMatch(/^under way0\d*$/);
});

test("says nothing any more, to nobody, until the device gives up", async () => {
  const { device, peer } = await join();
  proxy.cut("silent", new SeededRandom(1), () => {});
  const arrived = untilClosed(device);
  const heard = untilClosed(peer);
  peer.write("lost");
  peer.end();
  device.end("lost too");
  expect(await arrived).toBe("");
  expect(await heard).toBe("");
});

test("refuses connections while there is no server", async () => {
  serverPort = undefined;
  const device = connect({ host: "127.0.0.1", port });
  const failed = new Promise((resolve) => device.once("error", resolve));
  await expect(failed).resolves.toBeInstanceOf(Error);
});
