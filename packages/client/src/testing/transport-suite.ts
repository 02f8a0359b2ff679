import assert from "node:assert/strict";
import { LIMITS, SUBPROTOCOL } from "@chat/protocol";
import type { Socket, Transport } from "../connection/socket.js";
import type { SuiteApi } from "./cache-suite.js";

/** The server's end of one connection. */
export interface TransportPeer {
  /** What was agreed on of the protocols that the device offered. */
  readonly protocol: string;
  /** The next message of the device. */
  receive(): Promise<Uint8Array>;
  send(bytes: Uint8Array): void;
  close(code: number): void;
  /** Breaks the line, without a word. */
  cut(): void;
  /** Resolves once the connection is over. */
  readonly over: Promise<unknown>;
}

/** A transport, and a server for it that does as the suite wants. */
export interface TransportPlace {
  readonly transport: Transport;
  /** Where the server takes connections that offer `chat.v1`, and agrees to that. */
  readonly url: string;
  /** Where nobody listens. */
  readonly nowhere: string;
  /** The server's end of the next connection. */
  accept(): Promise<TransportPeer>;
  close(): Promise<void>;
}

type SocketEvent =
  | { readonly type: "open" }
  | { readonly type: "message"; readonly data: unknown }
  | { readonly type: "close"; readonly code: number };

/** What a socket tells, in order. */
interface Ear {
  readonly socket: Socket;
  next(): Promise<SocketEvent>;
  /** All that nobody has asked for yet. */
  readonly rest: readonly SocketEvent[];
}

async function listen(opening: Socket | Promise<Socket>): Promise<Ear> {
  const socket = await opening;
  const rest: SocketEvent[] = [];
  const waiting: ((event: SocketEvent) => void)[] = [];
  const tell = (event: SocketEvent): void => {
    const next = waiting.shift();
    if (next) next(event);
    else rest.push(event);
  };
  socket.binaryType = "arraybuffer";
  socket.onopen = () => tell({ type: "open" });
  socket.onmessage = ({ data }) => tell({ type: "message", data });
  socket.onclose = ({ code }) => tell({ type: "close", code });
  socket.onerror = () => {};
  return {
    socket,
    rest,
    async next() {
      return rest.shift() ?? (await new Promise((resolve) => waiting.push(resolve)));
    },
  };
}

/** Bytes that no two messages have in common. */
function bytesOf(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 31 + seed * 7 + (index >> 8)) & 0xff);
}

function areEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

const LENGTHS = [0, 1, 125, 126, 65_535, 65_536, LIMITS.wireMessageBytes];

/**
 * Proves that a {@link Transport} keeps its contract.
 * @param api where its cases are to be registered
 * @param name of the transport, for the report
 * @param factory makes a new place; called once for each case
 */
export function transportSuite(
  { describe, it: register }: SuiteApi,
  name: string,
  factory: () => TransportPlace | Promise<TransportPlace>,
): void {
  describe(`Transport contract: ${name}`, () => {
    function it(title: string, body: (place: TransportPlace) => Promise<void>): void {
      register(title, async () => {
        const place = await factory();
        try {
          await body(place);
        } finally {
          await place.close();
        }
      });
    }

    async function open(place: TransportPlace): Promise<{ ear: Ear; peer: TransportPeer }> {
      const accepted = place.accept();
      const ear = await listen(place.transport(place.url, [SUBPROTOCOL]));
      const peer = await accepted;
      assert.deepEqual(await ear.next(), { type: "open" });
      return { ear, peer };
    }

    function assertMessage(event: SocketEvent, expected: Uint8Array): void {
      assert.equal(event.type, "message");
      const { data } = event as { data: unknown };
      assert.ok(data instanceof ArrayBuffer, "a message comes as ArrayBuffer");
      assert.ok(areEqual(new Uint8Array(data), expected), "the bytes are those that were sent");
    }

    it("agrees on the protocol, and tells that it is open before it tells a message", async (place) => {
      const accepted = place.accept().then((peer) => {
        peer.send(bytesOf(10, 1));
        return peer;
      });
      const ear = await listen(place.transport(place.url, [SUBPROTOCOL]));
      assert.equal((await accepted).protocol, SUBPROTOCOL);
      assert.deepEqual(await ear.next(), { type: "open" });
      assertMessage(await ear.next(), bytesOf(10, 1));
    });

    it("carries messages of every length to the server, whole and in order", async (place) => {
      const { ear, peer } = await open(place);
      for (const length of LENGTHS) ear.socket.send(bytesOf(length, length));
      for (const length of LENGTHS) {
        assert.ok(areEqual(await peer.receive(), bytesOf(length, length)), `a message of ${length} bytes`);
      }
    });

    it("carries messages of every length to the device, whole and in order", async (place) => {
      const { ear, peer } = await open(place);
      for (const length of LENGTHS) peer.send(bytesOf(length, length));
      for (const length of LENGTHS) assertMessage(await ear.next(), bytesOf(length, length));
    });

    it("sends of a view what is in it, and no more", async (place) => {
      const { ear, peer } = await open(place);
      ear.socket.send(bytesOf(100, 3).subarray(10, 20));
      assert.deepEqual([...(await peer.receive())], [...bytesOf(100, 3).subarray(10, 20)]);
    });

    it("keeps the order of many messages of one turn", async (place) => {
      const { ear, peer } = await open(place);
      for (let index = 0; index < 200; index++) ear.socket.send(Uint8Array.of(index));
      for (let index = 0; index < 200; index++) assert.deepEqual([...(await peer.receive())], [index]);
    });

    it("tells the server's code, once, after everything that was sent before", async (place) => {
      const { ear, peer } = await open(place);
      peer.send(bytesOf(70_000, 1));
      peer.close(4_503);
      assertMessage(await ear.next(), bytesOf(70_000, 1));
      assert.deepEqual(await ear.next(), { type: "close", code: 4_503 });
      await peer.over;
      assert.deepEqual(ear.rest, []);
    });

    it("tells when the line breaks, with code 1006", async (place) => {
      const { ear, peer } = await open(place);
      peer.cut();
      assert.deepEqual(await ear.next(), { type: "close", code: 1006 });
    });

    it("ends when it is closed, also twice", async (place) => {
      const { ear, peer } = await open(place);
      ear.socket.close(1000);
      ear.socket.close(1000);
      await peer.over;
    });

    it("is closed before it is open, and does not open any more", async (place) => {
      const ear = await listen(place.transport(place.url, [SUBPROTOCOL]));
      ear.socket.close();
      assert.equal((await ear.next()).type, "close");
      assert.deepEqual(ear.rest, []);
    });

    it("fails where nobody listens, by a rejection or by its end", async (place) => {
      let ear: Ear;
      try {
        ear = await listen(place.transport(place.nowhere, [SUBPROTOCOL]));
      } catch {
        return;
      }
      assert.equal((await ear.next()).type, "close");
    });

    it("takes several connections at a time", async (place) => {
      const first = await open(place);
      const second = await open(place);
      first.peer.send(Uint8Array.of(1));
      second.peer.send(Uint8Array.of(2));
      assertMessage(await first.ear.next(), Uint8Array.of(1));
      assertMessage(await second.ear.next(), Uint8Array.of(2));
    });
  });
}
