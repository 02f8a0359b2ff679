import { createServer, request as httpRequest, type Server, type ServerOptions } from "node:http";
import type { AddressInfo } from "node:net";
import { SUBPROTOCOL } from "@chat/protocol";
import { onTestFinished } from "vitest";
import type { ChatServer, ChatServerOptions } from "../../src/index.js";
import { openServer } from "../open-server.js";

/** What came of an attempt to upgrade. */
export interface Upgrade {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

/** A chat server mounted on a port of this machine; closed when the test is over. */
export class ListeningServer {
  private constructor(
    readonly chat: ChatServer,
    readonly http: Server,
    readonly port: number,
  ) {}

  static async open(
    options: Partial<ChatServerOptions> = {},
    http: ServerOptions = {},
  ): Promise<ListeningServer> {
    const chat = await openServer(options);
    const server = createServer(http, chat.handler);
    chat.attach(server, { path: "/chat" });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    return new ListeningServer(chat, server, (server.address() as AddressInfo).port);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Asks for a WebSocket, and leaves the socket open if it is given one. */
  upgrade(headers: Readonly<Record<string, string>> = {}): Promise<Upgrade & { drop(): Promise<void> }> {
    const { chat } = this;
    return new Promise((resolve, reject) => {
      const request = httpRequest({
        port: this.port,
        host: "127.0.0.1",
        path: "/chat",
        headers: {
          connection: "Upgrade",
          upgrade: "websocket",
          "sec-websocket-version": "13",
          "sec-websocket-key": Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("base64"),
          "sec-websocket-protocol": SUBPROTOCOL,
          ...headers,
        },
      });
      request.on("error", reject);
      request.on("upgrade", (response, socket) => {
        socket.on("error", () => {});
        onTestFinished(() => void socket.destroy());
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: "",
          async drop() {
            const before = chat.connections;
            socket.destroy();
            while (chat.connections === before) await new Promise((turn) => setImmediate(turn));
          },
        });
      });
      request.on("response", (response) => {
        let body = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => (body += chunk));
        response.on("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body,
            drop: () => Promise.resolve(),
          }),
        );
      });
      request.end();
    });
  }
}
