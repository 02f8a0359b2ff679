import { type ClientFrame, createClientCodec, LIMITS, type ServerFrame } from "@chat/protocol";
import { describe, expect, it, onTestFinished } from "vitest";
import type { ChatServer } from "../../src/index.js";
import { openServer } from "../open-server.js";
import { VirtualClock } from "../virtual-clock.js";

const codec = createClientCodec();

/** A device over an event stream, as a client in another language would be one. */
class StreamDevice {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #text = "";
  #number = 0;
  id = "";

  private constructor(
    private readonly server: ChatServer,
    body: ReadableStream<Uint8Array>,
  ) {
    this.#reader = body.getReader();
    onTestFinished(() => this.#reader.cancel().catch(() => {}));
  }

  static async open(server: ChatServer): Promise<StreamDevice> {
    const answer = await server.fetch(new Request("http://x/stream"));
    const device = new StreamDevice(server, answer.body!);
    device.id = (await device.event())!.data;
    return device;
  }

  /** The next event; undefined at the end. */
  async event(): Promise<{ readonly name: string; readonly data: string } | undefined> {
    while (!this.#text.includes("\n\n")) {
      const { done, value } = await this.#reader.read();
      if (done) return undefined;
      this.#text += new TextDecoder().decode(value);
    }
    const end = this.#text.indexOf("\n\n");
    const lines = this.#text.slice(0, end).split("\n");
    this.#text = this.#text.slice(end + 2);
    const read = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
    return { name: read("event") ?? "message", data: read("data")! };
  }

  async frames(): Promise<ServerFrame[]> {
    const event = await this.event();
    return codec.decode(Buffer.from(event!.data, "base64")) as ServerFrame[];
  }

  async post(bytes: Uint8Array<ArrayBuffer>, name = `${this.id};${this.#number++}`): Promise<Response> {
    const headers = { "chat-stream": name };
    return this.server.fetch(new Request("http://x/stream", { method: "POST", headers, body: bytes }));
  }

  send(frame: ClientFrame): Promise<Response> {
    return this.post(new Uint8Array(codec.encode(frame)));
  }

  async hello(token = "ana"): Promise<ServerFrame[]> {
    await this.send({
      type: "hello",
      requestId: 1,
      minor: 0,
      capabilities: [],
      token,
      deviceId: "00000000-0000-4000-8000-000000000001",
      agent: "stream",
    });
    return this.frames();
  }

  cancel(): Promise<void> {
    return this.#reader.cancel();
  }
}

describe("an event stream", () => {
  it("is a session like any other", async () => {
    const server = await openServer();
    const device = await StreamDevice.open(server);
    expect(await device.hello()).toMatchObject([{ type: "welcome", userId: "ana" }]);
    expect((await device.send({ type: "ping", requestId: 2 })).status).toBe(204);
    expect(await device.frames()).toMatchObject([{ type: "pong", requestId: 2 }]);
    expect(server.connections).toBe(1);
    await device.cancel();
    expect(server.connections).toBe(0);
    expect((await device.send({ type: "ping", requestId: 3 })).status).toBe(404);
  });

  it("tells why it ends by the close codes of the protocol", async () => {
    const device = await StreamDevice.open(await openServer());
    expect(await device.hello("bad")).toMatchObject([{ type: "error", code: "unauthenticated" }]);
    expect(await device.event()).toEqual({ name: "close", data: "4401" });
    expect(await device.event()).toBeUndefined();
  });

  it("takes POSTs in their order, and each once", async () => {
    const device = await StreamDevice.open(await openServer());
    await device.hello();
    const ping = new Uint8Array(codec.encode({ type: "ping", requestId: 2 }));
    expect((await device.post(ping, `${device.id};2`)).status).toBe(409);
    expect((await device.post(ping, `${device.id};1`)).status).toBe(204);
    expect((await device.post(ping, `${device.id};1`)).status).toBe(204);
    expect((await device.post(ping, `${device.id};2`)).status).toBe(204);
    const pongs = await device.frames();
    while (pongs.length < 2) pongs.push(...(await device.frames()));
    expect(pongs).toMatchObject([{ type: "pong" }, { type: "pong" }]);
  });

  it.each([
    ["no name", "", 400],
    ["a name that is none", "x;0", 400],
    ["another's", `${crypto.randomUUID()};0`, 404],
  ])("refuses a POST with %s", async (_what, name, status) => {
    const device = await StreamDevice.open(await openServer());
    expect((await device.post(new Uint8Array(), name)).status).toBe(status);
  });

  it("ends without a hello in time, and after a POST beyond the limit nothing is lost", async () => {
    const clock = new VirtualClock();
    const server = await openServer({ runtime: clock.runtime });
    const device = await StreamDevice.open(server);
    const large = new Uint8Array(LIMITS.wireMessageBytes + 1);
    expect((await device.post(large, `${device.id};0`)).status).toBe(413);
    clock.advance(10_000);
    expect(await device.frames()).toMatchObject([{ type: "error", code: "hello_timeout" }]);
    expect(await device.event()).toEqual({ name: "close", data: "4408" });
  });

  it("of a device that takes nothing is closed, and its memory let go", async () => {
    const clock = new VirtualClock();
    const server = await openServer({ runtime: clock.runtime, settings: { sendQueueBytes: 500 } });
    const device = await StreamDevice.open(server);
    await device.hello();
    for (let requestId = 2; requestId < 200; requestId++) await device.send({ type: "ping", requestId });
    expect(server.connections).toBe(0);
    clock.advance(5_000);
    await expect(
      (async () => {
        while ((await device.event()) !== undefined);
      })(),
    ).rejects.toThrow(/did not take/);
  });

  it("takes a place at the door, and gives it back", async () => {
    const server = await openServer({ settings: { connections: 1 } });
    const device = await StreamDevice.open(server);
    const full = await server.fetch(new Request("http://x/stream"));
    expect(full.status).toBe(503);
    expect(full.headers.get("retry-after")).toBe("5");
    await device.cancel();
    await (await StreamDevice.open(server)).hello();
  });

  it("is not for pages of foreign origins", async () => {
    const server = await openServer();
    const request = new Request("http://x/stream", {
      headers: { origin: "https://evil.example", host: "x" },
    });
    expect((await server.fetch(request)).status).toBe(403);
    expect(server.connections).toBe(0);
  });

  it("says that it goes when the server closes", async () => {
    const server = await openServer();
    const device = await StreamDevice.open(server);
    await device.hello();
    void server.close();
    expect(await device.frames()).toMatchObject([{ type: "going-away" }]);
    expect(await device.event()).toEqual({ name: "close", data: "4503" });
  });
});
