import { Agent, request as httpRequest } from "node:http";
import { connect as connectTcp } from "node:net";
import { damage, randomBytes } from "./damage.js";
import type { FuzzWorld } from "./fuzz-world.js";
import { hostileValue } from "./make-frame.js";

/** Statuses that the service, or what the application put before it, may answer with. */
const EXPECTED = [200, 204, 304, 400, 401, 403, 404, 405, 409, 413, 414, 415, 422, 429, 431, 503];
/** ms until a request that is not answered is a finding. */
const PATIENCE = 20_000;

const METHODS = [
  "GET",
  "GET",
  "GET",
  "POST",
  "POST",
  "PUT",
  "PATCH",
  "DELETE",
  "HEAD",
  "OPTIONS",
  "TRACE",
  "FOO",
];
const ODD_SEGMENTS = ["..", "%00", "%ff", "%", "a%2fb", "", "x".repeat(5_000), "__proto__", "名前"];
const ODD_NUMBERS = ["0", "-1", "1e3", "9007199254740992", "NaN", "", "1".repeat(40), "%00", "0x10"];

/** One request to the HTTP service: good, nearly good, or bytes that are none. */
export async function hostileCall(world: FuzzWorld, port: number, paths: readonly string[]): Promise<void> {
  const { random, known, figures } = world;
  figures.requests++;
  if (random.chance(0.05)) return hostileBytes(world, port);
  const pick = <T>(items: readonly T[]): T => items[random.integer(items.length)]!;
  const segment = (): string =>
    random.chance(0.15)
      ? pick(ODD_SEGMENTS)
      : encodeURIComponent(known.any(random, known.ids, () => known.uuid(random)));
  let path = pick(paths).replaceAll(/\{\w+\}/g, segment);
  if (random.chance(0.05)) path = `/${segment()}`;
  const parameters = ["limit", "after", "before", "around", "page", "cursor", "fingerprint"]
    .filter(() => random.chance(0.15))
    .map((name) => {
      const number = String(pick(known.uints));
      const value = random.chance(0.1)
        ? pick(ODD_NUMBERS)
        : name === "page" || name === "cursor"
          ? (random.pick(known.strings) ?? "")
          : number;
      return `${name}=${random.chance(0.9) ? encodeURIComponent(value) : value.replaceAll(/[^\x21-\x7e]/g, "")}`;
    });
  // A path that begins with two slashes is another host's to a URL parser.
  const prefix = random.chance(0.03) ? "//" : "";
  const target = encodeTarget(
    `${prefix}/chat${path}${parameters.length > 0 ? `?${parameters.join("&")}` : ""}`,
  );
  const headers: Record<string, string> = {};
  if (random.chance(0.95))
    headers["authorization"] =
      `Bearer ${random.chance(0.95) ? world.hostileUser() : "x".repeat(random.integer(9_000))}`;
  if (random.chance(0.5)) headers["chat-device-id"] = random.chance(0.9) ? known.uuid(random) : "no-uuid";
  if (random.chance(0.1)) headers["origin"] = pick(["null", "http://[", "https://evil.test", "", "\u00ff"]);
  if (random.chance(0.1)) headers["if-none-match"] = pick(["*", 'W/"x"', "\u00ff"]);
  const method = pick(METHODS);
  const body = method === "GET" || method === "HEAD" ? undefined : hostileBody(world);
  if (body !== undefined)
    headers["content-type"] = random.chance(0.9)
      ? "application/json"
      : pick(["text/plain", "application/json; charset=utf-7", ""]);
  if (body !== undefined && random.chance(0.05)) headers["content-encoding"] = pick(["gzip", "br", "x"]);
  await new Promise<void>((resolve) => {
    const agent = new Agent();
    const done = (): void => {
      agent.destroy();
      resolve();
    };
    const request = httpRequest({
      host: "127.0.0.1",
      port,
      path: target,
      method,
      headers,
      agent,
      timeout: PATIENCE,
    });
    request.on("timeout", () => {
      world.finding(`no answer to ${method} ${target.slice(0, 200)}`);
      request.destroy();
    });
    request.on("error", done);
    request.on("response", (response) => {
      const status = response.statusCode ?? 0;
      figures.countRefusal(String(status));
      if (!EXPECTED.includes(status))
        world.finding(`${status} to ${method} ${target.slice(0, 300)} ${body?.toString().slice(0, 300)}`);
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", done);
      response.on("close", done);
      response.on("end", () => {
        if (String(response.headers["content-type"]).startsWith("application/json"))
          learn(world, Buffer.concat(chunks));
      });
    });
    request.end(body);
    if (random.chance(0.03)) setTimeout(() => request.destroy(), random.integer(20));
  });
}

function learn({ known, finding }: FuzzWorld, body: Buffer): void {
  if (body.length === 0) return;
  try {
    known.learn(JSON.parse(body.toString()));
  } catch {
    finding(`an answer says that it is JSON and is none: ${body.toString().slice(0, 200)}`);
  }
}

function encodeTarget(target: string): string {
  // Node refuses to send some characters; everything else is up to the server.
  return target.replaceAll(/[^\x21-\xff]/g, (character) => encodeURIComponent(character));
}

function hostileBody({ random, known }: FuzzWorld): Buffer {
  const body: Record<string, unknown> = {};
  const id = (): string => known.any(random, known.ids, () => known.uuid(random));
  const fields: Record<string, () => unknown> = {
    clientMessageId: () => known.uuid(random),
    text: () => (random.chance(0.02) ? "x".repeat(200_000) : "mallory was here"),
    kind: () => random.pick(["x-note", "text", "created", "x-"]),
    data: () => ({ a: 1 }),
    replyTo: () => random.pick(known.uints),
    members: () => [id(), id()],
    conversationId: id,
    id,
    userId: id,
    type: () => random.pick(["direct", "group"]),
    name: () => "a group",
    role: () => random.pick(["owner", "admin", "member"]),
  };
  for (const [name, value] of Object.entries(fields)) {
    if (random.chance(name === "clientMessageId" || name === "text" ? 0.9 : 0.3)) {
      body[name] = random.chance(0.1) ? hostileValue(random) : value();
    }
  }
  const bytes = Buffer.from(JSON.stringify(random.chance(0.03) ? [body] : body));
  if (random.chance(0.05)) return Buffer.from("[".repeat(random.integer(100_000)));
  return random.chance(0.1) ? Buffer.from(damage(bytes, random)) : bytes;
}

/** Requests as bytes: cut, smuggled, or none at all. */
async function hostileBytes(world: FuzzWorld, port: number): Promise<void> {
  const { random } = world;
  const requests = [
    "GET /chat/conversations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer mallory-1\r\n\r\n",
    "POST /chat/conversations/a/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST /chat/conversations/a/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer mallory-1\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{}",
    "GET http://[::1 HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET // HTTP/1.1\r\nHost: x\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    "CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n",
  ];
  const socket = connectTcp(port, "127.0.0.1");
  socket.on("error", () => {});
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  const bytes = Buffer.from(requests[random.integer(requests.length)]!);
  socket.write(random.chance(0.5) ? damage(bytes, random) : bytes);
  if (random.chance(0.2)) socket.write(randomBytes(random, random.integer(200)));
  await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, random.integer(300)))]);
  if (random.chance(0.5)) socket.resetAndDestroy();
  socket.destroy();
}
