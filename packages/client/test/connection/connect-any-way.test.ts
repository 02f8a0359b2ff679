import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { connectAnyWay } from "../../src/connection/connect-any-way.js";
import type { Transport } from "../../src/connection/socket.js";
import { virtualClock } from "../../src/testing/virtual-clock.js";

test("an event stream that never opens is given up, and a WebSocket has its turn again", async () => {
  // It takes every request and answers none, as a server does that mounts the WebSocket alone.
  const http = createServer();
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  onTestFinished(() => {
    http.closeAllConnections();
    http.close();
  });
  const clock = virtualClock();
  let webSockets = 0;
  const refuse: Transport = () => {
    webSockets++;
    throw new Error("No WebSocket gets through.");
  };
  const connect = connectAnyWay(clock, refuse);
  const url = `ws://127.0.0.1:${(http.address() as AddressInfo).port}/chat`;
  await expect((async () => connect(url, []))()).rejects.toThrow("No WebSocket");

  const stream = await connect(url, []);
  const closed = new Promise<number>((resolve) => (stream.onclose = ({ code }) => resolve(code)));
  stream.onopen = () => expect.unreachable("nobody has opened it");
  await once(http, "request");
  await clock.advance(5_000);
  expect(await closed).toBe(1006);
  expect(clock.scheduled).toBe(0);

  await expect((async () => connect(url, []))()).rejects.toThrow("No WebSocket");
  expect(webSockets).toBe(2);
});
