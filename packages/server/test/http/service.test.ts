import { LIMITS } from "@chat/protocol";
import Ajv from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { describe, expect, it } from "vitest";
import { type ChatServer, inProcessDiscovery } from "../../src/index.js";
import { openServer } from "../open-server.js";
import { RecordingProvider } from "../push/recording-provider.js";
import { call, uuid } from "./call.js";

interface Described {
  readonly responses: Record<string, { content?: { "application/json": { schema: object } } }>;
}
interface Document {
  readonly paths: Record<string, Record<string, Described>>;
  readonly components: { readonly schemas: Record<string, unknown> };
}

/** Every object of a schema refuses what it does not describe: only so is a forgotten field noticed. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== "object" || schema === null) return schema;
  const copy = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]));
  return "properties" in copy ? { ...copy, additionalProperties: false } : copy;
}

async function describer(server: ChatServer) {
  const document = (await (await server.fetch(new Request("http://chat/openapi.json"))).json()) as Document;
  const ajv = new Ajv({ strict: false, allErrors: true });
  addFormats(ajv);
  const components = closed(document.components) as object;
  return (path: string, method: string, status: number, value: unknown): string[] => {
    const schema = document.paths[path]?.[method]?.responses[status]?.content?.["application/json"].schema;
    if (schema === undefined) return [`${method} ${path} says nothing of ${status}`];
    const validate = ajv.compile({ ...schema, components });
    return validate(value)
      ? []
      : (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message}`);
  };
}

describe("every route", () => {
  it("answers what the OpenAPI document says, and nothing else", async () => {
    const discovery = inProcessDiscovery();
    const server = await openServer({ discovery, push: { providers: [new RecordingProvider()] } });
    const problemsOf = await describer(server);
    const asked = new Set<string>();
    async function expectDescribed(
      method: string,
      path: string,
      template: string,
      {
        body,
        as = "ana",
        status = 200,
        deviceId,
      }: { body?: unknown; as?: string; status?: number; deviceId?: string } = {},
    ) {
      const answer = await call(server, method, path, body, as, deviceId);
      expect(answer.status, `${method} ${path} ${JSON.stringify(answer.body)}`).toBe(status);
      expect(problemsOf(template, method.toLowerCase(), status, answer.body)).toEqual([]);
      if (status === 200) asked.add(`${method.toLowerCase()} ${template}`);
      return answer.body as Record<string, unknown>;
    }
    const group = {
      type: "group",
      conversationId: "room",
      clientMessageId: uuid(1),
      members: ["bo"],
      name: "Room",
      data: { topic: "ships" },
    };
    await expectDescribed("POST", "/conversations", "/conversations", { body: group });
    await expectDescribed("POST", "/conversations", "/conversations", {
      body: { type: "direct", clientMessageId: uuid(2), members: ["bo"] },
    });
    const messages = "/conversations/{conversationId}/messages";
    await expectDescribed("POST", "/conversations/room/messages", messages, {
      body: { clientMessageId: uuid(3), text: "Hello", data: { mood: 1 } },
    });
    await expectDescribed("POST", "/conversations/room/messages", messages, {
      body: { clientMessageId: uuid(4), kind: "x-poll", data: { question: "?" }, replyTo: 2 },
    });
    const history = await expectDescribed("GET", "/conversations/room/messages", messages);
    expect(history["entries"]).toHaveLength(3);
    await expectDescribed("GET", "/conversations/room/messages?after=9", messages, { status: 409 });
    await expectDescribed("POST", "/conversations/room/messages/2/redact", `${messages}/{messageId}/redact`, {
      body: { clientMessageId: uuid(10) },
    });
    await expectDescribed("GET", "/conversations/room/messages", messages);
    const list = await expectDescribed("GET", "/conversations", "/conversations");
    await expectDescribed(
      "GET",
      `/conversation-changes?cursor=${String(list["cursor"])}`,
      "/conversation-changes",
    );
    await expectDescribed("PUT", "/conversations/room/privacy", "/conversations/{conversationId}/privacy", {
      body: { readReceipts: "off", typing: "on" },
    });
    await expectDescribed("PUT", "/privacy", "/privacy", { body: { typing: false } });
    await expectDescribed("GET", "/privacy", "/privacy");
    await expectDescribed("GET", "/conversations/room", "/conversations/{conversationId}");
    await expectDescribed("GET", "/conversations/nowhere", "/conversations/{conversationId}", {
      status: 404,
    });
    const members = "/conversations/{conversationId}/members";
    await expectDescribed("GET", "/conversations/room/members", members);
    await expectDescribed("POST", "/conversations/room/members", members, {
      body: { clientMessageId: uuid(5), members: ["cy"] },
    });
    await expectDescribed("POST", "/conversations/room/members", members, {
      body: { clientMessageId: uuid(6), members: ["dan"] },
      as: "bo",
      status: 403,
    });
    await expectDescribed("POST", "/conversations/room/members/role", `${members}/role`, {
      body: { clientMessageId: uuid(8), members: ["bo"], role: "admin" },
    });
    await expectDescribed("PATCH", "/conversations/room", "/conversations/{conversationId}", {
      body: { clientMessageId: uuid(9), name: "Harbour", historyVisibility: "all" },
    });
    await expectDescribed("POST", "/conversations/room/members/remove", `${members}/remove`, {
      body: { clientMessageId: uuid(7), members: ["bo"] },
    });
    const receipt = "/conversations/{conversationId}/receipt";
    await expectDescribed("POST", "/conversations/room/receipt", receipt, {
      body: { delivered: 3, read: 2, unreadFrom: 2 },
    });
    await expectDescribed("POST", "/conversations/room/receipt", receipt, {
      body: { read: 99 },
      status: 409,
    });
    await expectDescribed("PUT", "/conversations/room/mute", "/conversations/{conversationId}/mute", {
      body: { until: Number.MAX_SAFE_INTEGER },
    });
    await expectDescribed("GET", "/conversations/room", "/conversations/{conversationId}");
    await expectDescribed("GET", "/conversations/room/receipts", `${receipt}s`);
    await expectDescribed(
      "GET",
      "/conversations/room/messages/2/receipt-counts",
      `${messages}/{messageId}/receipt-counts`,
    );
    await expectDescribed("PUT", "/profile", "/profile", {
      body: { name: "Ana", avatarUrl: "https://example.com/ana.png", data: { pronouns: "she" } },
    });
    await expectDescribed("GET", "/push", "/push");
    await expectDescribed("PUT", "/push", "/push", {
      body: { provider: "memory", target: { token: "x" } },
      deviceId: uuid(10),
    });
    await expectDescribed("PUT", "/push", "/push", {
      body: { provider: "memory", target: { token: "x" } },
      status: 400,
    });
    await expectDescribed("DELETE", "/push", "/push");
    await expectDescribed("GET", "/users?userId=ana&userId=bo", "/users");
    await discovery.announce(
      {
        serverId: "one",
        url: "wss://one.example/",
        region: "ap",
        connections: 0,
        capacity: 1,
        draining: false,
      },
      60_000,
    );
    const servers = await expectDescribed("GET", "/servers?region=ap", "/servers");
    expect(servers["items"]).toHaveLength(1);
    await expectDescribed("PUT", "/presence", "/presence", { body: { invisible: true } });
    await expectDescribed("GET", "/presence?userId=ana&userId=bo", "/presence");
    await expectDescribed("GET", "/health", "/health");
    await expectDescribed("GET", "/conversations", "/conversations", { as: "bad", status: 401 });

    const document = (await (await server.fetch(new Request("http://chat/openapi.json"))).json()) as Document;
    const described = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    );
    // A new route is added to this test.
    expect([...asked].sort()).toEqual(described.sort());
  });
});

describe("the service", () => {
  it("says which methods a path has", async () => {
    const server = await openServer();
    const answer = await call(server, "DELETE", "/conversations/room/messages");
    expect(answer.status).toBe(405);
    expect(answer.headers.get("allow")).toBe("GET, HEAD, POST");
    expect((await call(server, "GET", "/elsewhere")).status).toBe(404);
    // Node knows its methods; who mounts the service into another runtime may be asked for any word.
    for (const method of ["constructor", "toString", "__proto__"]) {
      expect((await call(server, method, "/health")).status).toBe(405);
    }
  });

  it("answers HEAD as GET, without the body", async () => {
    const server = await openServer();
    const answer = await server.fetch(
      new Request("http://chat/conversations", { method: "HEAD", headers: { authorization: "Bearer ana" } }),
    );
    expect(answer.status).toBe(200);
    expect(await answer.text()).toBe("");
  });

  it.each([
    ["no JSON", "{", /JSON/],
    ["an array", "[]", /object/],
    ["bytes that are no UTF-8", new Uint8Array([0x7b, 0xff, 0x7d]), /UTF-8/],
    ["a missing field", "{}", /clientMessageId is missing/],
    ["a field of the prototype", '{"__proto__":{"clientMessageId":"x"}}', /clientMessageId is missing/],
    ["another type", `{"clientMessageId":"${uuid(1)}","text":5}`, /text must be a string/],
    ["an id in upper case", `{"clientMessageId":"${uuid(1).replace(/0/g, "A")}"}`, /UUID in lower case/],
    ["a negative id", `{"clientMessageId":"${uuid(1)}","text":"x","replyTo":-1}`, /whole number/],
  ])("refuses a body with %s, in a sentence", async (_what, body, sentence) => {
    const server = await openServer();
    const request = new Request("http://chat/conversations/room/messages", {
      method: "POST",
      headers: { authorization: "Bearer ana" },
      body,
    });
    const answer = await server.fetch(request);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({
      error: { code: "invalid_argument", message: expect.stringMatching(sentence) as string },
    });
  });

  it("reads no more of a body than the limit", async () => {
    const server = await openServer();
    let read = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        read += 65_536;
        controller.enqueue(new Uint8Array(65_536).fill(0x20));
      },
    });
    const answer = await server.fetch(
      new Request("http://chat/conversations/room/messages", {
        method: "POST",
        headers: { authorization: "Bearer ana" },
        body: endless,
        duplex: "half",
      }),
    );
    expect(answer.status).toBe(413);
    expect(read).toBeLessThan(LIMITS.wireMessageBytes + 4 * 65_536);
  });

  it("reads nothing of a body before it knows whose it is", async () => {
    const server = await openServer();
    let read = 0;
    const body = new ReadableStream<Uint8Array>(
      { pull: (controller) => (read++, controller.enqueue(new Uint8Array(1))) },
      { highWaterMark: 0 },
    );
    const headers = { authorization: "Bearer bad" };
    const options = { method: "POST", headers, body, duplex: "half" } as RequestInit;
    const answer = await server.fetch(new Request("http://chat/conversations/room/messages", options));
    expect(answer.status).toBe(401);
    expect(read).toBe(0);
  });

  it("takes ids in paths as they are, and refuses what is none", async () => {
    const server = await openServer();
    const id = "caf\u00e9/1?#%";
    await call(server, "POST", "/conversations", {
      type: "group",
      conversationId: id,
      clientMessageId: uuid(1),
      members: [],
    });
    const found = await call(server, "GET", `/conversations/${encodeURIComponent(id)}`);
    expect(found.body).toMatchObject({ conversationId: id });
    expect((await call(server, "GET", "/conversations/%ff")).status).toBe(400);
    expect((await call(server, "GET", "/conversations/%00")).status).toBe(400);
  });

  it("stores a message once, however often it is sent", async () => {
    const server = await openServer();
    const room = { type: "group", conversationId: "room", clientMessageId: uuid(1), members: [] };
    await call(server, "POST", "/conversations", room);
    const send = () =>
      call(server, "POST", "/conversations/room/messages", { clientMessageId: uuid(2), text: "Hello" });
    const first = await send();
    expect((await send()).body).toEqual(first.body);
    const history = await call(server, "GET", "/conversations/room/messages");
    expect((history.body as { entries: unknown[] }).entries).toHaveLength(2);
  });
});

describe("a browser", () => {
  it("is told of every answer that it is no page", async () => {
    const server = await openServer();
    for (const path of ["/conversations", "/conversations/x", "/users?userId=ana", "/openapi.json"]) {
      const { headers } = await call(server, "GET", path);
      expect(headers.get("content-type"), path).toMatch(/^application\/json/);
      expect(headers.get("x-content-type-options"), path).toBe("nosniff");
      expect(headers.get("content-security-policy"), path).toContain("frame-ancestors 'none'");
      expect(headers.get("x-frame-options"), path).toBe("DENY");
    }
  });

  it("can't be made to send somebody's token by a link: none is taken from a URL or a cookie", async () => {
    const server = await openServer();
    for (const url of [
      "/conversations?token=ana",
      "/conversations?access_token=ana&authorization=Bearer%20ana",
    ]) {
      const headers = { cookie: "token=ana; authorization=ana" };
      expect((await server.fetch(new Request(`http://chat${url}`, { headers }))).status).toBe(401);
    }
  });

  it.each(["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "//images.example/x", "no URL"])(
    "is never given %s for a picture",
    async (avatarUrl) => {
      const server = await openServer();
      const answer = await call(server, "PUT", "/profile", { name: "Ana", avatarUrl });
      expect(answer).toMatchObject({ status: 400, body: { error: { code: "invalid_argument" } } });
    },
  );
});

describe("a cache", () => {
  it("may keep history, and asks each time whether it still holds", async () => {
    const server = await openServer();
    const room = { type: "group", conversationId: "room", clientMessageId: uuid(1), members: ["bo"] };
    await call(server, "POST", "/conversations", room);
    const get = (tag: string, as = "bo") =>
      server.fetch(
        new Request("http://chat/conversations/room/messages?after=0&limit=1", {
          headers: { authorization: `Bearer ${as}`, "if-none-match": tag },
        }),
      );
    const first = await get("");
    expect(first.headers.get("cache-control")).toBe("private, no-cache");
    expect(first.headers.get("vary")).toContain("authorization");
    const tag = first.headers.get("etag")!;
    const again = await get(`"other", W/${tag}`);
    expect(again.status).toBe(304);
    expect(await again.text()).toBe("");
    expect(again.headers.get("etag")).toBe(tag);

    // Nobody learns by a tag what they may not read.
    expect((await get(tag, "eve")).status).toBe(404);
    await call(server, "POST", "/conversations/room/messages", { clientMessageId: uuid(2), text: "Hello" });
    expect((await get(tag)).status).toBe(200);
  });

  it("keeps nothing else", async () => {
    const server = await openServer();
    expect((await call(server, "GET", "/conversations")).headers.get("cache-control")).toBe("no-store");
    expect((await call(server, "GET", "/conversations/x")).headers.get("cache-control")).toBe("no-store");
  });
});
