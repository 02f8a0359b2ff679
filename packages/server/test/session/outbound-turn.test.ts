import { describe, expect, it } from "vitest";
import { OutboundTurn } from "../../src/session/outbound-turn.js";
import { SendQueue } from "../../src/session/send-queue.js";

function turnWithQueues(names: string): {
  run(): void;
  sent: string[];
  queues: Map<string, SendQueue>;
  turn: OutboundTurn;
} {
  const callbacks: (() => void)[] = [];
  const sent: string[] = [];
  const turn = new OutboundTurn((callback) => callbacks.push(callback));
  const queueOf = (name: string): SendQueue => {
    const send = (bytes: Uint8Array): void => void sent.push(`${name}${[...bytes].join("")}`);
    const socket = { send, close() {}, bufferedBytes: 0 };
    const queue = new SendQueue(
      socket,
      { budget: 1_000, tally: { framesSent: 0 }, turn },
      { overflowed() {} },
    );
    queue.release(Uint8Array.of(0));
    return queue;
  };
  const queues = new Map([...names].map((name) => [name, queueOf(name)]));
  sent.length = 0;
  return { run: () => callbacks.splice(0).forEach((callback) => callback()), sent, queues, turn };
}

describe("the end of a turn", () => {
  it("sends what each queue holds as one message, those with an answer first", () => {
    const { run, sent, queues } = turnWithQueues("abc");
    queues.get("a")!.push(Uint8Array.of(1));
    queues.get("b")!.push(Uint8Array.of(1));
    queues.get("c")!.push(Uint8Array.of(1));
    queues.get("b")!.push(Uint8Array.of(2), true);
    expect(sent).toEqual([]);
    run();
    expect(sent).toEqual(["b12", "a1", "c1"]);
    run();
    expect(sent).toHaveLength(3);
  });

  it("sends a lone answer before it delivers, and several with what is delivered to them", () => {
    const { run, sent, queues, turn } = turnWithQueues("abc");
    const deliver = (): void => {
      sent.push("delivery");
      for (const queue of queues.values()) queue.push(Uint8Array.of(3));
    };
    turn.deliver(deliver);
    queues.get("b")!.push(Uint8Array.of(1), true);
    run();
    expect(sent.splice(0)).toEqual(["b1", "delivery", "a3", "b3", "c3"]);
    queues.get("b")!.push(Uint8Array.of(1), true);
    queues.get("c")!.push(Uint8Array.of(1), true);
    turn.deliver(deliver);
    run();
    expect(sent.splice(0)).toEqual(["delivery", "b13", "c13", "a3"]);
    run();
    expect(sent).toEqual([]);
  });

  it("flushes all the same when a delivery fails, and goes on", () => {
    const { run, sent, queues, turn } = turnWithQueues("ab");
    turn.deliver(() => {
      throw new Error("a defect");
    });
    queues.get("a")!.push(Uint8Array.of(1));
    expect(run).toThrow("a defect");
    queues.get("b")!.push(Uint8Array.of(2));
    run();
    expect(sent).toEqual(["a1", "b2"]);
  });

  it("begins anew after it", () => {
    const { run, sent, queues } = turnWithQueues("ab");
    for (const answer of [true, false, true]) {
      queues.get("a")!.push(Uint8Array.of(1));
      queues.get("b")!.push(Uint8Array.of(2), answer);
      run();
    }
    expect(sent).toEqual(["b2", "a1", "a1", "b2", "b2", "a1"]);
  });

  it("leaves alone what was sent or dropped before", () => {
    const { run, sent, queues } = turnWithQueues("ab");
    queues.get("a")!.push(Uint8Array.of(1));
    queues.get("b")!.push(Uint8Array.of(1));
    queues.get("a")!.flush();
    queues.get("b")!.clear();
    run();
    expect(sent).toEqual(["a1"]);
  });
});
