import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request as requestFrom,
  type Server,
  type ServerResponse,
} from "node:http";
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";

/** Where a server is. */
interface Target {
  readonly hostname: string;
  readonly port: string;
}

/** What a proxy knows of the cluster. */
interface ProxyOptions {
  /** The chat servers that take connections, by URL; none that is going away. */
  chatServers(): Promise<readonly string[]>;
  /** The HTTP servers, by URL. */
  httpServers(): readonly string[];
  /** Answers by itself what is not the cluster's; true if it did. */
  own(request: IncomingMessage, response: ServerResponse): boolean;
}

/** How long a server may take to accept a connection, ms. */
const CONNECT_TIMEOUT = 2_000;

/**
 * The one address of the cluster: connections go to the chat server that carries the fewest, requests to the HTTP servers in turn. A server that can't
 * be reached is passed over, and the next one asked. In production nginx, HAProxy or your cloud's balancer stands here.
 */
export function createProxy({ chatServers, httpServers, own }: ProxyOptions): Server {
  /** Sockets through here, by chat server. */
  const carried = new Map<string, number>();
  let turn = 0;

  /** The chat servers, the one with the fewest sockets first. */
  async function byLoad(): Promise<readonly string[]> {
    const load = (url: string): number => carried.get(url) ?? 0;
    return [...(await chatServers())].sort((a, b) => load(a) - load(b));
  }

  /** An event stream and its POSTs have to meet: same address, same server. */
  async function byAddress(request: IncomingMessage): Promise<readonly string[]> {
    const urls = [...(await chatServers())].sort();
    const start = [...addressOf(request)].reduce((sum, letter) => sum + letter.charCodeAt(0), 0);
    return rotated(urls, start);
  }

  async function forward(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const isStream = /^\/chat\/stream\b/.test(request.url!);
    const urls = isStream ? await byAddress(request) : rotated(httpServers(), turn++);
    const socket = await firstReachable(urls);
    if (socket === undefined) {
      response.writeHead(503, { "retry-after": "1" }).end("No server is there.");
      return;
    }
    const upstream = requestFrom({
      createConnection: () => socket.socket,
      method: request.method,
      path: request.url,
      headers: headersFor(request),
    });
    upstream.on("response", (answer) => {
      response.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(response);
      answer.on("error", () => response.destroy());
    });
    upstream.on("error", () => {
      if (response.headersSent) response.destroy();
      else response.writeHead(502).end("The server did not answer.");
    });
    response.on("close", () => upstream.destroy());
    request.pipe(upstream);
  }

  async function upgrade(request: IncomingMessage, near: Duplex, head: Buffer): Promise<void> {
    const found = await firstReachable(await byLoad());
    if (found === undefined || near.destroyed) {
      found?.socket.destroy();
      near.end("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n\r\n");
      return;
    }
    const { socket: far, url } = found;
    carried.set(url, (carried.get(url) ?? 0) + 1);
    const lines = Object.entries(headersFor(request)).map(([name, value]) => `${name}: ${String(value)}`);
    far.write(`GET ${request.url} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`);
    far.write(head);
    near.pipe(far).pipe(near);
    // When one end goes, however it does, so does the other.
    far.on("close", () => {
      carried.set(url, carried.get(url)! - 1);
      near.destroy();
    });
    near.on("close", () => far.destroy());
    for (const end of [near, far]) end.on("error", () => end.destroy());
  }

  const server = createServer((request, response) => {
    if (own(request, response)) return;
    forward(request, response).catch(() => response.destroy());
  });
  server.on("upgrade", (request, socket, head) => {
    socket.on("error", () => socket.destroy());
    upgrade(request, socket, head).catch(() => socket.destroy());
  });
  return server;
}

function rotated<T>(items: readonly T[], start: number): T[] {
  return items.map((_, index) => items[(start + index) % items.length]!);
}

function addressOf(request: IncomingMessage): string {
  return request.socket.remoteAddress ?? "";
}

/** What comes from outside with the name of the header that the servers trust is not passed on. */
function headersFor(request: IncomingMessage): OutgoingHttpHeaders {
  return { ...request.headers, "x-forwarded-for": addressOf(request) };
}

async function firstReachable(
  urls: readonly string[],
): Promise<{ readonly socket: Socket; readonly url: string } | undefined> {
  for (const url of urls) {
    const socket = await reach(new URL(url));
    if (socket !== undefined) return { socket, url };
  }
  return undefined;
}

function reach({ hostname, port }: Target): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port) });
    const fail = (): void => {
      socket.destroy();
      resolve(undefined);
    };
    socket.setTimeout(CONNECT_TIMEOUT, fail);
    socket.once("error", fail);
    socket.once("connect", () => {
      socket.setTimeout(0);
      socket.off("error", fail);
      resolve(socket);
    });
  });
}
