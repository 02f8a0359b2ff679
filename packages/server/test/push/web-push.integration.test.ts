import { webPush, type WebPushModule, type WebPushOptions } from "@chat/server/web-push";
import { describe, expect, it, onTestFinished } from "vitest";
import webPushModule from "web-push";
import type { JsonObject } from "@chat/protocol";
import { openServer } from "../open-server.js";
import { CERTIFICATE, PushService, Subscriber, topicOf, vapidClaims } from "./push-service.js";

const module: WebPushModule = webPushModule;
const vapid = { subject: "mailto:ops@chat.example", ...webPushModule.generateVAPIDKeys() };
/** A push service of one's own, in one's own network. */
const own: Partial<WebPushOptions> = {
  hosts: ["localhost"],
  allowAddress: (address) => address === "127.0.0.1" || address === "::1",
};
const PUSH = { collapseKey: topicOf("room"), timeToLive: 60_000, payload: { text: "hello" } };

async function start(): Promise<PushService> {
  const service = await PushService.start();
  onTestFinished(() => service.close());
  return service;
}

function provide(options: Partial<WebPushOptions> = own) {
  return webPush(module, { vapid, ca: CERTIFICATE, ...options });
}

function subscriberOf({ port }: PushService): Subscriber {
  return new Subscriber(`https://localhost:${port}/push/${crypto.randomUUID()}`);
}

/** Sends to an endpoint as if it had been subscribed. */
function send(endpoint: string, options?: Partial<WebPushOptions>, signal = new AbortController().signal) {
  const target: JsonObject = new Subscriber(endpoint).subscription;
  return provide(options).send({ ...PUSH, target }, signal);
}

describe("Web Push, to end", () => {
  it("brings a message to the closed app, encrypted, signed and collapsed by conversation", async () => {
    const service = await start();
    const server = await openServer({
      push: { providers: [provide()] },
      settings: { pushDelay: 50, reconcileInterval: 25 },
    });
    await server.as("ana").setProfile({ name: "Ana 😀" });
    await server.as("ana").createGroup({ id: "room", name: "Room", members: ["bo"] });
    const browser = subscriberOf(service);
    const device = server.as("bo", { deviceId: crypto.randomUUID() });
    expect(await device.push()).toEqual({ providers: [{ name: "web-push", publicKey: vapid.publicKey }] });
    const state = await device.setPush({ provider: "web-push", target: browser.subscription });
    expect(state.provider).toBe("web-push");

    const began = performance.now();
    const { createdAt } = await server.as("ana").send("room", "héllo 😀");
    await service.until(() => service.received.length > 0);
    const latency = performance.now() - began;
    const [{ path, headers, body }] = service.received as [PushService["received"][number]];
    expect(new URL(browser.endpoint).pathname).toBe(path);
    expect(body.toString("latin1")).not.toContain("llo");
    expect(browser.decrypt(body)).toEqual({
      ...{ conversationId: "room", conversationType: "group", conversationName: "Room", messageId: 2 },
      ...{ senderId: "ana", senderName: "Ana 😀", kind: "text", text: "héllo 😀", createdAt, unread: 1 },
    });
    expect(headers).toMatchObject({
      ...{ ttl: "86400", urgency: "high", "content-encoding": "aes128gcm", topic: topicOf("room") },
    });
    const claims = vapidClaims(headers.authorization!);
    expect(claims).toMatchObject({
      ...{ aud: `https://localhost:${service.port}`, sub: vapid.subject, key: vapid.publicKey },
    });
    expect(Number(claims["exp"])).toBeLessThanOrEqual(Date.now() / 1_000 + 86_400);
    // Besides the delay: a look at the feed, and the way.
    console.log(`a push came ${Math.round(latency)} ms after its message, of which 50 ms are the delay`);

    // A mention comes through a mute, and says that it is one.
    await server.as("bo").mute("room", Number.MAX_SAFE_INTEGER);
    await server.as("ana").send("room", { text: "@bo", mentions: ["bo"] });
    await service.until(() => service.received.length > 1);
    expect(browser.decrypt(service.received[1]!.body)).toMatchObject({ text: "@bo", mention: true });
    await server.as("bo").mute("room", 0);

    // Nobody is there any more.
    service.answer = (response) => response.writeHead(410).end();
    await server.as("ana").send("room", "two");
    await service.until(() => service.received.length > 2);
    await expect.poll(() => device.push()).not.toHaveProperty("provider");
  });

  it("answers for what came of a push", async () => {
    const service = await start();
    const { endpoint } = subscriberOf(service);
    const answers: [number, Record<string, string>, object][] = [
      [200, {}, { status: "sent" }],
      [201, {}, { status: "sent" }],
      [404, {}, { status: "gone" }],
      [410, {}, { status: "gone" }],
      [400, {}, { status: "failed", retryable: false, reason: "400" }],
      [413, {}, { status: "failed", retryable: false, reason: "413" }],
      [429, { "retry-after": "7" }, { status: "failed", retryable: true, retryAfter: 7_000, reason: "429" }],
      [503, {}, { status: "failed", retryable: true, retryAfter: 0, reason: "503" }],
      [503, { "retry-after": "soon" }, { status: "failed", retryable: true, retryAfter: 0, reason: "503" }],
    ];
    for (const [status, headers, outcome] of answers) {
      service.answer = (response) => response.writeHead(status, headers).end("why");
      expect(await send(endpoint)).toMatchObject(outcome);
    }
    service.close();
    expect(await send(endpoint)).toMatchObject({ status: "failed", retryable: true, reason: "ECONNREFUSED" });
  });

  it("leaves the text out of a payload that would be too long with it", async () => {
    const service = await start();
    const browser = subscriberOf(service);
    const target: JsonObject = browser.subscription;
    const { signal } = new AbortController();
    const provider = provide();
    await provider.send({ ...PUSH, target, payload: { text: "\u0001".repeat(1_000), unread: 3 } }, signal);
    expect(browser.decrypt(service.received[0]!.body)).toEqual({ unread: 3 });
    const huge = { ...PUSH, target, payload: { data: "x".repeat(4_000) } };
    await expect(provider.send(huge, signal)).rejects.toThrow("3000 bytes");
  });
});

describe("Web Push, hostile endpoints", () => {
  it("refuses what is no endpoint of a push service that is known", () => {
    const { subscription } = new Subscriber("https://fcm.googleapis.com/fcm/send/abc");
    const accept = (endpoint: unknown, keys: object = subscription.keys) =>
      provide({}).accept({ ...subscription, endpoint, keys } as unknown as JsonObject);
    for (const good of [
      "https://fcm.googleapis.com/fcm/send/abc",
      "https://updates.push.services.mozilla.com/wpush/v2/abc",
      "https://web.push.apple.com/abc",
      "https://wns2-par02p.notify.windows.com/w/?token=abc",
    ]) {
      expect(accept(good)).toMatchObject({ address: good, target: { endpoint: good } });
      // The same place, which has one owner.
      expect(accept(`${good}#2`)).toMatchObject({ address: good });
    }
    for (const bad of [
      ...[undefined, 7, "", "abc", "http://fcm.googleapis.com/x", "https://u:p@fcm.googleapis.com/x"],
      ...[
        "https://push.example/x",
        "https://evilfcm.googleapis.com/x",
        "https://fcm.googleapis.com.evil.example/x",
      ],
      ...["https://127.0.0.1/x", "https://localhost/x", "file:///etc/passwd"],
      `https://fcm.googleapis.com/${"x".repeat(2_048)}`,
    ]) {
      expect(() => accept(bad), String(bad)).toThrow(expect.objectContaining({ code: "invalid_argument" }));
    }
    const { endpoint, keys } = subscription;
    for (const bad of [
      {},
      { ...keys, auth: "short" },
      { ...keys, p256dh: 7 },
      { ...keys, auth: "!".repeat(22) },
    ]) {
      expect(() => accept(endpoint, bad)).toThrow(expect.objectContaining({ code: "invalid_argument" }));
    }
  });

  it("connects to no inward address, however it is written, and whatever a name leads to", async () => {
    const service = await start();
    const { port } = service;
    for (const host of [
      ...["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0.0.0.0"],
      ...["[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]"],
      ...[
        "169.254.169.254",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
      ],
      ...["224.0.0.1", "255.255.255.255"],
    ]) {
      const outcome = await send(`https://${host}:${port}/x`, { hosts: "any" });
      expect(outcome, host).toEqual({ status: "failed", retryable: false, reason: "address_refused" });
    }
    expect(service.connections).toBe(0);
  });

  it("sends nothing to a host that is not allowed any more", async () => {
    const service = await start();
    expect(await send(subscriberOf(service).endpoint, { ...own, hosts: [] })).toEqual({ status: "gone" });
    expect(service.connections).toBe(0);
  });

  it("follows no redirect", async () => {
    const service = await start();
    const elsewhere = await start();
    service.answer = (response) =>
      response.writeHead(307, { location: `https://localhost:${elsewhere.port}/secret` }).end();
    expect(await send(subscriberOf(service).endpoint)).toMatchObject({ status: "failed", retryable: false });
    expect([service.received.length, elsewhere.connections]).toEqual([1, 0]);
  });

  it("reads no answer that never ends", async () => {
    const service = await start();
    service.answer = (response) => {
      response.writeHead(201);
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536)));
      };
      response.on("drain", more);
      more();
    };
    expect(await send(subscriberOf(service).endpoint)).toEqual({ status: "sent" });
    await service.until(() => service.open === 0);
  });

  it("waits for nobody beyond the time that it is given", async () => {
    const service = await start();
    const { endpoint } = subscriberOf(service);
    const timed = async () => {
      const late = new AbortController();
      const sent = send(endpoint, own, late.signal);
      const before = service.received.length;
      await service.until(() => service.received.length > before);
      late.abort();
      return sent;
    };
    // Nothing at all.
    service.answer = () => {};
    expect(await timed()).toMatchObject({ status: "failed", retryable: true });
    await service.until(() => service.open === 0);
    // The beginning of an answer, whose rest never comes: the status is all that counts.
    service.answer = (response) => {
      response.writeHead(201, { "content-length": "10" }).flushHeaders();
      response.write("1");
    };
    expect(["sent", "failed"]).toContain((await timed()).status);
    await service.until(() => service.open === 0);
  });
});
