import assert from "node:assert/strict";
import { systemRuntime } from "@chat/protocol";
import type { Fanout } from "../fanout/fanout.js";
import { ENVELOPE_BYTES, QUEUE_ENVELOPES } from "../fanout/fanout.js";
import { assertRefused, numbers, turn } from "./store-world.js";
import { CASE_TIMEOUT, type SuiteApi } from "./suite-api.js";

/** One channel of its own for one case. */
export interface FanoutEngine {
  /** Another end of the channel, as another server process would have it. The suite closes it. */
  fanout(): Fanout | Promise<Fanout>;
  /** Removes the channel. */
  dispose(): void | Promise<void>;
}

/** How long an envelope may take, ms. */
const ARRIVAL = 40_000;
/** Ids of servers, each one's own: the application chooses them. */
const SERVER_IDS = [
  "a",
  "A",
  "a.b",
  "a.*",
  "a b",
  "us-east/a",
  "us-east",
  "*",
  ">",
  "#",
  "a:b",
  "a_b",
  "ž€",
  "%41",
];

const { clock } = systemRuntime();

/** Envelopes that arrived, and a way to wait for more. */
class Inbox {
  /** As they were handed over: what becomes of the bytes later is seen. */
  readonly #arrived: Uint8Array[] = [];
  #waiting: (() => void)[] = [];

  readonly handler = (envelope: Uint8Array): void => {
    this.#arrived.push(envelope);
    for (const resolve of this.#waiting.splice(0)) resolve();
  };

  get texts(): string[] {
    return this.#arrived.map((envelope) => Buffer.from(envelope).toString("latin1"));
  }

  /** Resolves when a text has arrived. @param name what to call it, where it is long */
  async has(text: string, name = `"${text}"`): Promise<void> {
    let isLate = false;
    const cancel = clock.schedule(ARRIVAL, () => {
      isLate = true;
      for (const resolve of this.#waiting.splice(0)) resolve();
    });
    while (!this.texts.includes(text) && !isLate) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    cancel();
    const others = this.texts.map((other) => (other.length > 40 ? `${other.length} bytes` : `"${other}"`));
    const sentence = `${name} has not arrived in ${ARRIVAL / 1_000} s; what has: ${others.slice(-10).join(", ") || "nothing"}`;
    assert.ok(this.texts.includes(text), sentence);
  }
}

function envelope(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, "latin1"));
}

/**
 * Proves that a fan-out keeps the contract {@link Fanout}. It may lose envelopes under load; that a calm one arrives is expected.
 * @param name of the fan-out, for the report
 * @param create makes a channel that nobody uses yet; called once for each case
 */
export function fanoutSuite(
  api: SuiteApi,
  name: string,
  create: () => FanoutEngine | Promise<FanoutEngine>,
): void {
  const prove = (sentence: string, body: (open: () => Promise<Fanout>) => Promise<void>): void => {
    api.it(
      sentence,
      async () => {
        const engine = await create();
        const opened: Fanout[] = [];
        try {
          await body(async () => {
            const fanout = await engine.fanout();
            opened.push(fanout);
            return fanout;
          });
        } finally {
          for (const fanout of opened) await fanout.close();
          await engine.dispose();
        }
      },
      CASE_TIMEOUT,
    );
  };

  api.describe(`Fan-out contract: ${name}`, () => {
    prove("brings an envelope to each of the servers that it is sent to, and to no other", async (open) => {
      const [one, two] = [await open(), await open()];
      const inboxes = new Map(["a", "b", "c"].map((serverId) => [serverId, new Inbox()]));
      for (const [serverId, inbox] of inboxes) await two.subscribe(serverId, inbox.handler);
      one.publish(["a", "c"], envelope("for a and c"));
      one.publish(["b"], envelope("for b"));
      await inboxes.get("a")!.has("for a and c");
      await inboxes.get("c")!.has("for a and c");
      await inboxes.get("b")!.has("for b");
      assert.equal(inboxes.get("b")!.texts.includes("for a and c"), false, "b was sent what is for a and c");
      assert.equal(inboxes.get("a")!.texts.includes("for b"), false, "a was sent what is for b");
    });

    prove("tells servers apart whose ids are alike, or mean something to a broker", async (open) => {
      const [one, two] = [await open(), await open()];
      const inboxes = SERVER_IDS.map(() => new Inbox());
      await Promise.all(SERVER_IDS.map(async (id, at) => two.subscribe(id, inboxes[at]!.handler)));
      for (const serverId of SERVER_IDS) one.publish([serverId], envelope(`for ${serverId}`));
      for (const [at, inbox] of inboxes.entries()) {
        const text = Buffer.from(envelope(`for ${SERVER_IDS[at]}`)).toString("latin1");
        await inbox.has(text, `what was sent to "${SERVER_IDS[at]}"`);
        assert.deepEqual(new Set(inbox.texts), new Set([text]), `"${SERVER_IDS[at]}" gets its own alone`);
      }
    });

    prove("brings what a server sends to itself", async (open) => {
      const fanout = await open();
      const inbox = new Inbox();
      await fanout.subscribe("a", inbox.handler);
      fanout.publish(["a"], envelope("self"));
      await inbox.has("self");
    });

    prove("keeps every byte, of many large envelopes in one turn, too", async (open) => {
      const [one, two] = [await open(), await open()];
      const inbox = new Inbox();
      await two.subscribe("a", inbox.handler);
      // Together more than brokers commonly take in one message.
      const all = numbers(1, 9).map((first) =>
        Uint8Array.from({ length: ENVELOPE_BYTES }, (_, index) => (index * 7 + first) & 0xff),
      );
      for (const large of all) one.publish(["a"], large);
      for (const [index, large] of all.entries()) {
        const name = `number ${index + 1} of ${all.length} envelopes of the largest size, unchanged`;
        await inbox.has(Buffer.from(large).toString("latin1"), name);
      }
    });

    prove("leaves the bytes alone that a handler was given", async (open) => {
      const [one, two] = [await open(), await open()];
      const inbox = new Inbox();
      await two.subscribe("a", inbox.handler);
      const texts = numbers(1, 20).map((number) => `envelope ${number}`);
      for (const text of texts) {
        one.publish(["a"], envelope(text));
        await inbox.has(text);
      }
      const found = new Set(inbox.texts);
      for (const text of texts) assert.ok(found.has(text), `"${text}" arrived, and is something else now`);
    });

    prove("returns at once, and calls no handler inside of publish", async (open) => {
      const fanout = await open();
      const inbox = new Inbox();
      let publishing = false;
      let inside = false;
      await fanout.subscribe("a", (bytes) => {
        inside ||= publishing;
        // An answer from within a handler must not nest either.
        if (bytes.length === 1) {
          publishing = true;
          fanout.publish(["a"], envelope("answer"));
          publishing = false;
        }
        inbox.handler(bytes);
      });
      publishing = true;
      assert.equal(fanout.publish(["a"], envelope("?")), undefined, "publish returns nothing to wait for");
      publishing = false;
      await inbox.has("answer");
      assert.equal(inside, false, "a handler was called while publish ran");
    });

    prove("never throws, whoever is not there and however much is sent", async (open) => {
      const fanout = await open();
      fanout.publish(["nobody"], envelope("lost"));
      fanout.publish([], envelope("lost"));
      let probed = false;
      await fanout.subscribe("a", (bytes) => {
        probed ||= bytes.length === 1;
      });
      const bytes = new Uint8Array(1_024);
      for (const _ of numbers(1, 30_000)) fanout.publish(["a", "nobody"], bytes);
      // Some of that may be lost, and a probe while it waits; once it is worked off, one arrives.
      while (!probed) {
        fanout.publish(["a"], envelope("!"));
        await turn();
      }
    });

    prove("lets no server wait for one that is flooded and not there", async (open) => {
      const fanout = await open();
      const inbox = new Inbox();
      await fanout.subscribe("a", inbox.handler);
      const bytes = new Uint8Array(1_024);
      // More than may wait for one server, all of it before what is for the other.
      for (const _ of numbers(1, QUEUE_ENVELOPES + 1_000)) fanout.publish(["nobody"], bytes);
      fanout.publish(["a"], envelope("calm"));
      await inbox.has("calm");
    });

    prove("goes on after a handler that throws", async (open) => {
      const fanout = await open();
      const inbox = new Inbox();
      await fanout.subscribe("a", (bytes) => {
        inbox.handler(bytes);
        throw new Error("a defect of the handler");
      });
      fanout.publish(["a"], envelope("one"));
      fanout.publish(["a"], envelope("two"));
      await inbox.has("one");
      await inbox.has("two");
    });

    prove("brings nothing any more after it was cancelled", async (open) => {
      const [one, two] = [await open(), await open()];
      const [cancelled, other] = [new Inbox(), new Inbox()];
      const cancel = await two.subscribe("a", cancelled.handler);
      await two.subscribe("b", other.handler);
      one.publish(["a"], envelope("before"));
      await cancelled.has("before");
      cancel();
      cancel();
      one.publish(["a", "b"], envelope("after"));
      await other.has("after");
      assert.equal(cancelled.texts.includes("after"), false, "a cancelled handler was called");
      const again = new Inbox();
      await two.subscribe("a", again.handler);
      one.publish(["a"], envelope("again"));
      await again.has("again");
      assert.equal(
        cancelled.texts.includes("again"),
        false,
        "a new subscription brought the cancelled one back",
      );
    });

    prove("brings nothing any more that waited when it was cancelled", async (open) => {
      const [one, two] = [await open(), await open()];
      const other = new Inbox();
      let calls = 0;
      const cancel = await two.subscribe("a", () => {
        calls++;
        cancel();
      });
      await two.subscribe("b", other.handler);
      for (const _ of numbers(1, 50)) one.publish(["a"], envelope("waits"));
      // What is for b may come before what is for a; then it is sent again.
      for (let round = 1; calls === 0 || round < 3; round++) {
        one.publish(["a", "b"], envelope(`round ${round}`));
        await other.has(`round ${round}`);
      }
      assert.equal(calls, 1, "a handler that cancels is called no more");
    });

    prove("is quiet once closed", async (open) => {
      const [fanout, two] = [await open(), await open()];
      const [inbox, other] = [new Inbox(), new Inbox()];
      await fanout.subscribe("a", inbox.handler);
      await two.subscribe("b", other.handler);
      fanout.publish(["a"], envelope("waiting"));
      await fanout.close();
      const arrived = inbox.texts.length;
      await fanout.close();
      fanout.publish(["a", "b"], envelope("late"));
      await assertRefused(fanout.subscribe("a", inbox.handler), "closed");
      // One that all servers of a process share is closed for all of them.
      if (two === fanout) return;
      two.publish(["a", "b"], envelope("from another"));
      await other.has("from another");
      assert.equal(inbox.texts.length, arrived, "a handler was called after close");
      assert.equal(other.texts.includes("late"), false, "what was published after close was sent");
    });
  });
}
