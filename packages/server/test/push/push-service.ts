import {
  createDecipheriv,
  createECDH,
  createHash,
  createPublicKey,
  hkdfSync,
  randomBytes,
  verify,
} from "node:crypto";
import { readFileSync } from "node:fs";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { JsonObject } from "@chat/protocol";

const pem = (name: string): Buffer => readFileSync(new URL(`certificate/${name}.pem`, import.meta.url));
export const CERTIFICATE = pem("cert");

/** One push as it came. */
export interface ReceivedPush {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** A push service on a free port: it takes what is posted, and answers what the test says. */
export class PushService {
  readonly received: ReceivedPush[] = [];
  /** Connections that were ever made, whether or not anything came over them. */
  connections = 0;
  /** Connections that are open. */
  open = 0;
  answer: (response: ServerResponse, push: ReceivedPush) => void = (response) =>
    response.writeHead(201).end();
  readonly #waiting = new Set<() => void>();
  readonly #server = createServer({ key: pem("key"), cert: CERTIFICATE }, (request, response) => {
    void this.#take(request, response);
  });

  static async start(): Promise<PushService> {
    const service = new PushService();
    service.#server.on("connection", (socket) => {
      service.connections++;
      service.open++;
      socket.on("close", () => {
        service.open--;
        service.#changed();
      });
    });
    await new Promise<void>((resolve) => service.#server.listen(0, "127.0.0.1", resolve));
    return service;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Resolves once the condition holds; looked at after everything that happens here. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#waiting.delete(wake);
          resolve();
        };
        this.#waiting.add(wake);
      });
    }
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const push = { path: request.url!, headers: request.headers, body: Buffer.concat(chunks) };
    this.received.push(push);
    this.answer(response, push);
    this.#changed();
  }

  #changed(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}

/** A browser's side of Web Push: its keys, and what a push decrypts to (RFC 8291 over RFC 8188). */
export class Subscriber {
  readonly #ecdh = createECDH("prime256v1");
  readonly #auth = randomBytes(16);

  constructor(readonly endpoint: string) {
    this.#ecdh.generateKeys();
  }

  /** What `PushSubscription.toJSON()` gives. */
  get subscription() {
    return {
      endpoint: this.endpoint,
      expirationTime: null,
      keys: { p256dh: this.#ecdh.getPublicKey("base64url"), auth: this.#auth.toString("base64url") },
    };
  }

  decrypt(body: Buffer): JsonObject {
    const salt = body.subarray(0, 16);
    const keyLength = body[20]!;
    const sender = body.subarray(21, 21 + keyLength);
    const record = body.subarray(21 + keyLength);
    const receiver = this.#ecdh.getPublicKey();
    const info = Buffer.concat([Buffer.from("WebPush: info\0"), receiver, sender]);
    const secret = Buffer.from(hkdfSync("sha256", this.#ecdh.computeSecret(sender), this.#auth, info, 32));
    const derive = (name: string, length: number): Buffer =>
      Buffer.from(hkdfSync("sha256", secret, salt, `Content-Encoding: ${name}\0`, length));
    const decipher = createDecipheriv("aes-128-gcm", derive("aes128gcm", 16), derive("nonce", 12));
    decipher.setAuthTag(record.subarray(-16));
    const padded = Buffer.concat([decipher.update(record.subarray(0, -16)), decipher.final()]);
    // The last record ends with 2, and zeros after it.
    const end = padded.lastIndexOf(2);
    return JSON.parse(padded.subarray(0, end).toString()) as JsonObject;
  }
}

/** The claims of a VAPID header (RFC 8292), whose signature is checked. */
export function vapidClaims(authorization: string): JsonObject {
  const [, token, key] = /^vapid t=([\w.-]+), ?k=([\w-]+)$/.exec(authorization)!;
  const [head, claims, signature] = token!.split(".") as [string, string, string];
  const point = Buffer.from(key!, "base64url");
  const jwk = { kty: "EC", crv: "P-256", x: point.subarray(1, 33), y: point.subarray(33) };
  const publicKey = createPublicKey({
    key: { ...jwk, x: jwk.x.toString("base64url"), y: jwk.y.toString("base64url") },
    format: "jwk",
  });
  const isGood = verify(
    "sha256",
    Buffer.from(`${head}.${claims}`),
    { key: publicKey, dsaEncoding: "ieee-p1363" },
    Buffer.from(signature, "base64url"),
  );
  if (!isGood) throw new Error("The signature of the VAPID token is wrong.");
  return { key: key!, ...(JSON.parse(Buffer.from(claims, "base64url").toString()) as JsonObject) };
}

/** The `Topic` of a conversation. */
export function topicOf(conversationId: string): string {
  return createHash("sha256").update(conversationId).digest("base64url").slice(0, 32);
}
