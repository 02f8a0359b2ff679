import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { openServer } from "../open-server.js";

it.each(["TRACE /conversations", "TRACK /conversations", "GET http://[::1", "GET //", "OPTIONS *"])(
  "leaves %s to the application, as none of its own",
  async (line) => {
    const chat = await openServer();
    const handed: unknown[] = [];
    const server = createServer((request, response) => {
      chat.handler(request, response, (error) => {
        handed.push(error);
        response.writeHead(404).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
    socket.end(`${line} HTTP/1.1\r\nHost: chat.test\r\nConnection: close\r\n\r\n`);
    let answer = "";
    for await (const chunk of socket) answer += String(chunk);
    // Node's own parser refuses some of them before anybody is asked.
    expect(answer).toMatch(/^HTTP\/1\.1 40[04] /);
    expect(handed.filter((error) => error !== undefined)).toEqual([]);
  },
);
