import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Child } from "../fuzz/child.js";
import { Device } from "./device.js";

/** Messages of one measurement, one after the other. */
const MESSAGES = 30;
/** Measurements without and with a flood, by turns: what the machine does besides befalls both. Of their ratios the median counts. */
const ROUNDS = 3;
/** Things that the flooder must have done before a measurement; it does more before it is stopped. */
const FLOODED = 200;
/** How many times as long a neighbour may wait for an acknowledgement while somebody floods; typical figures are in docs/security.md. */
const BOUND = 25;

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

describe("while one peer floods", () => {
  const folder = mkdtempSync(join(tmpdir(), "flood-"));
  const findings: string[] = [];
  let server: Child;
  let eve: Child;
  let port: number;
  let ana: Device;
  /** ms, without a flood; measured anew around each. */
  let quiet: number[];

  beforeAll(async () => {
    const child = (name: string, file: string, args: readonly string[]): Child =>
      new Child(name, new URL(file, import.meta.url), args, (sentence) => findings.push(sentence));
    server = child("server", "server-child.ts", [join(folder, "chat.db")]);
    port = (await server.started())[0]!;
    eve = child("flooder", "flooder-child.ts", [String(port)]);
    await eve.started();
    ana = (await Device.open(port, "ana", "203.0.113.1"))!;
    await ana.ask({
      type: "create-conversation",
      conversationType: "group",
      conversationId: "ana's",
      clientMessageId: randomUUID(),
      members: ["bo"],
    });
    await latencies();
    quiet = await latencies();
  });

  afterAll(async () => {
    ana.socket.terminate();
    await eve.end();
    await server.end();
    rmSync(folder, { recursive: true, force: true });
  });

  /** ms until each of some messages was acknowledged. */
  async function latencies(): Promise<number[]> {
    const waited: number[] = [];
    while (waited.length < MESSAGES) {
      const began = performance.now();
      const answer = await ana.ask({
        type: "send-message",
        conversationId: "ana's",
        clientMessageId: randomUUID(),
        text: "hello",
        // Behind none that was refused.
        first: true,
      });
      // On a fast machine this is more than one user may send in the time; she waits, as a device does.
      if (answer?.type === "error" && answer.code === "rate_limited") {
        await setTimeout(answer.retryAfter);
        continue;
      }
      expect(answer).toMatchObject({ type: "message-stored" });
      waited.push(performance.now() - began);
    }
    return waited;
  }

  test.each(["sends", "history reads", "list pages", "connections", "slow handshakes"])(
    "with %s, others keep their latency and newcomers get in",
    { timeout: 60_000 },
    async (kind) => {
      await server.do("figures");
      const [floods, calms, ratios]: [number[], number[], number[]] = [[], [], []];
      let done = 0;
      for (let round = 0; round < ROUNDS; round++) {
        await eve.do("start", kind);
        let before = 0;
        while (before < FLOODED) before = Number(await eve.do("count"));
        const flooded = await latencies();
        const bo = await Device.open(port, "bo", "203.0.113.2");
        expect(bo, "a newcomer is welcomed").toBeDefined();
        bo!.socket.terminate();
        // It goes on: on a fast machine all were acknowledged before the flooder has come around again.
        while (Number(await eve.do("count")) <= before);
        done += Number(await eve.do("stop"));
        const after = await latencies();
        ratios.push(median(flooded) / median([...quiet, ...after]));
        floods.push(...flooded);
        calms.push(...after);
        quiet = after;
      }
      const { refusals, worstDelay } = (await server.do("figures")) as {
        refusals: Readonly<Record<string, number>>;
        worstDelay: number;
      };
      const figures = `${kind}: ×${ratios.map((ratio) => ratio.toFixed(1)).join(", ×")}; ${median(calms).toFixed(2)} → ${median(floods).toFixed(2)} ms, ${done} done, delay ${worstDelay.toFixed(0)} ms, ${JSON.stringify(refusals)}`;
      if (process.env["FLOOD_FIGURES"] !== undefined) console.log(figures);
      expect(median(ratios), figures).toBeLessThan(BOUND);
      expect(findings).toEqual([]);
    },
  );
});
