import { newUuid, systemRuntime } from "@chat/protocol";
import { type NatsConnection, natsFanout } from "@chat/server/nats";
import { fanoutSuite } from "@chat/server/testing";
import { connect } from "@nats-io/transport-node";
import { describe, expect, it } from "vitest";
import { EngineProcess, programOf, run } from "../engines/engine-process.js";
import { ENGINE_URLS, isUp } from "../engines/engine-urls.js";
import { brokerFaultCases } from "./broker-fault-cases.js";

const runtime = systemRuntime();

type Client = NatsConnection & { close(): Promise<void> };

const open = (servers: string): Promise<Client> =>
  connect({ servers, maxReconnectAttempts: -1, reconnectTimeWait: 20, reconnectJitter: 10 });

describe.skipIf(!(await isUp("nats")))("NATS fan-out", () => {
  fanoutSuite({ describe, it }, "NATS", () => {
    const prefix = `test-${newUuid(runtime.random)}`;
    const clients: Client[] = [];
    return {
      async fanout() {
        const client = await open(ENGINE_URLS.nats);
        clients.push(client);
        return natsFanout(client, { prefix });
      },
      async dispose() {
        for (const client of clients) await client.close();
      },
    };
  });

  it("takes any server id, and no server hears what is meant for another", async () => {
    const client = await open(ENGINE_URLS.nats);
    const fanout = natsFanout(client, { prefix: `test-${newUuid(runtime.random)}` });
    const arrived: string[] = [];
    const ids = ["a.b", "a.*", "a.>", ">", "*", "eu west 1", "größer\n"];
    for (const id of ids) await fanout.subscribe(id, () => arrived.push(id));
    const all = new Promise<void>((resolve) => void fanout.subscribe("last", () => resolve()));
    for (const id of ids) fanout.publish([id], Uint8Array.of(1));
    fanout.publish(["last"], Uint8Array.of(1));
    await all;
    expect(arrived).toEqual(ids);
    await fanout.close();
    await client.close();
  });
});

const program = programOf("nats-server");
describe.skipIf(program === undefined)("NATS fan-out, when NATS fails", () => {
  brokerFaultCases(async () => {
    const engine = await EngineProcess.create(({ port }) =>
      run(program!, ["-a", "127.0.0.1", "-p", String(port)]),
    );
    const clients: Client[] = [];
    return {
      engine,
      async fanout(log) {
        const client = await open(`nats://127.0.0.1:${engine.port}`);
        clients.push(client);
        return natsFanout(client, { runtime: { ...runtime, log } });
      },
      async dispose() {
        for (const client of clients) await client.close();
        await engine.dispose();
      },
    };
  });
});
