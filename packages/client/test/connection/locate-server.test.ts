import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { systemRuntime } from "@chat/protocol";
import { expect, onTestFinished, test } from "vitest";
import { type Locator, locateServer } from "../../src/connection/locate-server.js";

const { clock } = systemRuntime();

/** An HTTP service that answers what the test says; gives its WebSocket URL and what it was asked. */
async function service(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const asked: { readonly path: string; readonly token: string | undefined }[] = [];
  const server = createServer((request, response) => {
    asked.push({ path: request.url!, token: request.headers.authorization });
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/chat`, asked };
}

function recommending(...urls: string[]) {
  return service((_, response) => response.end(JSON.stringify({ items: urls.map((url) => ({ url })) })));
}

test("asks beside the configured URL, with the token, and goes to the best server", async () => {
  const { url, asked } = await recommending("wss://one.example/", "wss://two.example/");
  expect(await locateServer({ clock, url, discover: true }, "secret")).toBe("wss://one.example/");
  expect(asked).toEqual([{ path: "/chat/servers", token: "Bearer secret" }]);
});

test("asks where it is told to", async () => {
  const { url, asked } = await recommending("https://one.example/chat");
  const discover = `${url.replace("ws", "http")}/servers?region=ap`;
  const found = await locateServer({ clock, url: "wss://chat.example/chat", discover }, "t");
  expect(found).toBe("wss://one.example/chat");
  expect(asked[0]!.path).toBe("/chat/servers?region=ap");
});

test("goes elsewhere when it asks again, as long as there is another server", async () => {
  const urls = ["ws://one/", "ws://two/"];
  const { url } = await service((_, response) =>
    response.end(JSON.stringify({ items: urls.map((url) => ({ url })) })),
  );
  const locator: Locator = { clock, url, discover: true };
  expect(await locateServer(locator, "t")).toBe("ws://one/");
  expect(await locateServer(locator, "t")).toBe("ws://two/");
  expect(await locateServer(locator, "t")).toBe("ws://one/");
  urls.pop();
  expect(await locateServer(locator, "t")).toBe("ws://one/");
});

test.each([
  ["nobody is known", '{ "items": [] }', 200],
  ["it is refused", '{ "error": { "code": "unauthenticated" } }', 401],
  ["the answer is none", "<html>", 502],
  ["the answer leads nowhere", '{ "items": [{ "url": "javascript:alert(1)" }] }', 200],
])("stays with the configured URL when %s", async (_, body, status) => {
  const { url } = await service((_, response) => response.writeHead(status).end(body));
  expect(await locateServer({ clock, url, discover: true }, "t")).toBe(url);
});

test("stays with the configured URL when nobody is there, and when no answer comes", async () => {
  const nobody = "ws://127.0.0.1:9/chat";
  expect(await locateServer({ clock, url: nobody, discover: true }, "t")).toBe(nobody);
  const { url } = await service(() => {});
  expect(await locateServer({ clock, url, discover: true }, "t")).toBe(url);
});

test("never goes from an encrypted line to an open one", async () => {
  const { url } = await recommending("ws://one.example/", "wss://two.example/");
  const discover = `${url.replace("ws", "http")}/servers`;
  expect(await locateServer({ clock, url: "wss://chat.example/chat", discover }, "t")).toBe(
    "wss://two.example/",
  );
});
