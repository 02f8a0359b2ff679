import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

interface Link {
  readonly device: Socket;
  readonly server: Socket;
  isWebSocket?: boolean;
}

/**
 * A TCP proxy between one device and the server: the device's network. A browser's own emulation of being offline leaves
 * WebSockets that are open as they are; here what is cut is cut.
 */
export class Gate {
  readonly #server: Server;
  readonly #links = new Set<Link>();
  #isOpen = true;
  #answers: "pass" | "held" | "swallowed" = "pass";
  #swallowedBytes = 0;
  #wasCut = false;
  #refusedWebSockets = 0;
  #askedWebSockets = 0;
  readonly #refusesWebSockets: boolean;

  private constructor(target: number, refusesWebSockets: boolean) {
    this.#refusesWebSockets = refusesWebSockets;
    this.#server = createServer((device) => {
      device.on("error", () => {});
      if (this.#isOpen) this.#link(device, connect({ host: "127.0.0.1", port: target }));
      else device.resetAndDestroy();
    });
  }

  /**
   * @param target the server's port, on which nobody need listen all the time
   * @param refusesWebSockets answers every upgrade with 403, as some companies' proxies do
   */
  static async to(target: number, refusesWebSockets = false): Promise<Gate> {
    const gate = new Gate(target, refusesWebSockets);
    gate.#server.listen(0, "127.0.0.1");
    await once(gate.#server, "listening");
    return gate;
  }

  /** Where the device finds the server. */
  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Whether connections through here were ever cut. */
  get wasCut(): boolean {
    return this.#wasCut;
  }

  /** How much the server has answered in vain. */
  get swallowedBytes(): number {
    return this.#swallowedBytes;
  }

  /** How many upgrades were refused here. */
  get refusedWebSockets(): number {
    return this.#refusedWebSockets;
  }

  /** How many WebSockets were asked for since the beginning. */
  get askedWebSockets(): number {
    return this.#askedWebSockets;
  }

  /** WebSockets that are open now. */
  get webSockets(): number {
    return [...this.#links].filter(({ isWebSocket }) => isWebSocket).length;
  }

  /** Cuts every connection, and refuses others until `open`. */
  close(): void {
    this.#isOpen = false;
    this.cut();
  }

  open(): void {
    this.#isOpen = true;
  }

  /** Cuts every connection. The next one gets through, and its answers too. */
  cut(): void {
    this.#wasCut = true;
    this.#answers = "pass";
    for (const { device, server } of this.#links) {
      device.resetAndDestroy();
      server.resetAndDestroy();
    }
  }

  /** What the server sends waits here until `releaseAnswers`. */
  holdAnswers(): void {
    this.#answers = "held";
    for (const { server } of this.#links) server.pause();
  }

  releaseAnswers(): void {
    this.#answers = "pass";
    for (const { server } of this.#links) server.resume();
  }

  /** What the server sends is lost, until `cut`. */
  swallowAnswers(): void {
    this.#answers = "swallowed";
  }

  async end(): Promise<void> {
    this.close();
    this.#server.close();
    await once(this.#server, "close");
  }

  #link(device: Socket, server: Socket): void {
    const link: Link = { device, server };
    this.#links.add(link);
    device.setNoDelay();
    server.setNoDelay();
    device.on("data", (chunk) => {
      // A browser asks for each WebSocket over a connection of its own, so the head comes first.
      if (link.isWebSocket === undefined) {
        link.isWebSocket = /^upgrade: websocket\r$/im.test(chunk.toString("latin1"));
        if (link.isWebSocket) this.#askedWebSockets++;
      }
      if (this.#refusesWebSockets && link.isWebSocket) {
        this.#refusedWebSockets++;
        device.end("HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        server.destroy();
      } else server.write(chunk);
    });
    server.on("data", (chunk) => {
      if (this.#answers === "swallowed") this.#swallowedBytes += chunk.length;
      else device.write(chunk);
    });
    if (this.#answers === "held") server.pause();
    server.on("error", () => device.resetAndDestroy());
    device.on("end", () => server.end());
    server.on("end", () => device.end());
    for (const socket of [device, server]) {
      socket.on("close", () => {
        this.#links.delete(link);
        device.destroySoon();
        server.destroySoon();
      });
    }
  }
}
