import assert from "node:assert/strict";
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

/** Envelopes that arrived, and a way to wait for more. */
class Inbox {
  readonly #arrived: Uint8Array[] = [];
  #waiting: (() => void)[] = [];

  readonly handler = (envelope: Uint8Array): void => {
    this.#arrived.push(envelope);
    for (const resolve of this.#waiting.splice(0)) resolve();
  };

  get texts(): string[] {
    return this.#arrived.map((envelope) => Buffer.from(envelope).toString("latin1"));
  }

  /** Resolves when a text has arrived. */
  async has(text: string): Promise<void> {
    while (!this.texts.includes(text)) await new Promise<void>((resolve) => this.#waiting.push(resolve));
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
      assert.deepEqual(inboxes.get("b")!.texts, ["for b"]);
      assert.equal(inboxes.get("a")!.texts.includes("for b"), false);
    });

    prove("brings what a server sends to itself", async (open) => {
      const fanout = await open();
      const inbox = new Inbox();
      await fanout.subscribe("a", inbox.handler);
      fanout.publish(["a"], envelope("self"));
      await inbox.has("self");
    });

    prove("keeps every byte, up to the largest envelope", async (open) => {
      const [one, two] = [await open(), await open()];
      const inbox = new Inbox();
      await two.subscribe("a", inbox.handler);
      const large = Uint8Array.from({ length: ENVELOPE_BYTES }, (_, index) => (index * 7) & 0xff);
      const text = Buffer.from(large).toString("latin1");
      one.publish(["a"], large);
      await inbox.has(text);
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
      assert.equal(fanout.publish(["a"], envelope("?")), undefined);
      publishing = false;
      await inbox.has("answer");
      assert.equal(inside, false);
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
      assert.deepEqual(cancelled.texts, ["before"]);
      const again = new Inbox();
      await two.subscribe("a", again.handler);
      one.publish(["a"], envelope("again"));
      await again.has("again");
    });

    prove("is quiet once closed", async (open) => {
      const fanout = await open();
      const inbox = new Inbox();
      await fanout.subscribe("a", inbox.handler);
      fanout.publish(["a"], envelope("waiting"));
      await fanout.close();
      await fanout.close();
      fanout.publish(["a"], envelope("late"));
      await assertRefused(fanout.subscribe("a", inbox.handler), "closed");
      assert.equal(inbox.texts.includes("late"), false);
    });
  });
}
