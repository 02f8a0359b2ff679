import { LIMITS } from "@chat/protocol";
import { describe, expect, it, onTestFinished } from "vitest";
import type { ChatServer } from "../../src/index.js";
import { openServer } from "../open-server.js";

/** A body that comes no further than it is let. */
class SlowBody {
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  cancelled = false;
  readonly stream = new ReadableStream<Uint8Array>({
    start: (controller) => void (this.#controller = controller),
    cancel: () => void (this.cancelled = true),
  });

  /** Blanks, which JSON may begin with. */
  push(bytes: number): void {
    this.#controller.enqueue(new Uint8Array(bytes).fill(0x20));
  }

  end(text: string): void {
    this.#controller.enqueue(new TextEncoder().encode(text));
    this.#controller.close();
  }
}

function begin(
  server: ChatServer,
  method: string,
  path: string,
  headers: Record<string, string>,
): { readonly body: SlowBody; readonly answer: Promise<Response> } {
  const body = new SlowBody();
  const init = { method, headers, body: body.stream, duplex: "half" };
  const answer = server.fetch(new Request(`http://chat${path}`, init as RequestInit));
  onTestFinished(async () => void (await answer));
  return { body, answer };
}

const setProfile = (server: ChatServer, user: string) =>
  begin(server, "PUT", "/profile", { authorization: `Bearer ${user}` });
const aTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
/** The largest body, but for what it ends with. */
const LARGE = LIMITS.wireMessageBytes - 100;

describe("bodies that come slowly", () => {
  it("have room for some of one user, and take none from others", async () => {
    const server = await openServer();
    const slow = Array.from({ length: 8 }, () => setProfile(server, "ana"));
    for (const { body } of slow) body.push(LARGE);
    await aTurn();
    const beyond = setProfile(server, "ana");
    beyond.body.push(1_000);
    const refusal = await beyond.answer;
    expect(refusal.status).toBe(503);
    expect(await refusal.json()).toMatchObject({ error: { code: "overloaded", retryable: true } });
    expect(beyond.body.cancelled).toBe(true);
    const other = setProfile(server, "bo");
    other.body.push(1_000);
    other.body.end("{}");
    expect((await other.answer).status).toBe(200);
    for (const { body } of slow) body.end("{}");
    for (const { answer } of slow) expect((await answer).status).toBe(200);
    const after = setProfile(server, "ana");
    after.body.push(LARGE);
    after.body.end("{}");
    expect((await after.answer).status).toBe(200);
  });

  it("of an event stream are bounded, and end with it", async () => {
    const server = await openServer();
    const stream = (await server.fetch(new Request("http://chat/stream"))).body!.getReader();
    const opened = new TextDecoder().decode((await stream.read()).value as Uint8Array);
    const id = /data: (\S+)/.exec(opened)![1]!;
    const post = () => begin(server, "POST", "/stream", { "chat-stream": `${id};0` });
    const slow = [post(), post()];
    for (const { body } of slow) body.push(LARGE);
    await aTurn();
    const beyond = post();
    beyond.body.push(1_000);
    expect((await beyond.answer).status).toBe(503);
    await stream.cancel();
    for (const { body, answer } of slow) {
      expect((await answer).status).toBe(404);
      expect(body.cancelled).toBe(true);
    }
  });
});
