import { SYSTEM_USER } from "@chat/protocol";
import { describe, expect, it } from "vitest";
import { type ChatServer, isChatError } from "../../src/index.js";
import { call } from "../http/call.js";
import { openServer } from "../open-server.js";
import { RawDevice } from "../raw-device.js";
import {
  ANYWHERE,
  type Asker,
  ASKERS,
  IN_A_GROUP,
  IN_A_PAIR,
  type OperationCase,
} from "./operation-table.js";

interface Outcome {
  readonly code: string;
  readonly message?: string;
}
const OK: Outcome = { code: "ok" };

/** How somebody asks for an operation. */
type Way = (
  server: ChatServer,
  asker: Asker,
  operation: OperationCase,
  conversationId: string,
) => Promise<Outcome>;

const userIdOf = (asker: Asker): string => (asker === "system" ? SYSTEM_USER : asker);

const WAYS: readonly (readonly [string, Way])[] = [
  [
    "a WebSocket",
    async (server, asker, operation, room) => {
      const device = new RawDevice(server, userIdOf(asker));
      const welcome = await device.hello();
      const answer =
        welcome.type === "error" ? welcome : await device.ask(operation.frame(room, crypto.randomUUID()));
      device.drop();
      if (answer.type === "receipts" && answer.refused[0]) return { code: answer.refused[0].code };
      return answer.type === "error" ? { code: answer.code, message: answer.message } : OK;
    },
  ],
  [
    "HTTP",
    async (server, asker, operation, room) => {
      const [method, path, body] = operation.http(encodeURIComponent(room), crypto.randomUUID());
      const answer = await call(server, method, path, body, userIdOf(asker));
      if (answer.status === 200) return OK;
      const { code, message } = (answer.body as { error: Required<Outcome> }).error;
      return { code, message };
    },
  ],
  [
    "the application's own process",
    async (server, asker, operation, room) => {
      const actor = asker === "system" ? server.system : server.as(asker);
      try {
        await operation.call(actor, room, crypto.randomUUID());
        return OK;
      } catch (error) {
        if (!isChatError(error)) throw error;
        return { code: error.code, message: error.message };
      }
    },
  ],
];

async function group(server: ChatServer, id: string): Promise<void> {
  const owner = server.as("owner");
  await owner.createGroup({ id, members: ["admin", "admin2", "member", "member2", "former"] });
  await owner.setRole(id, ["admin", "admin2"], "admin");
  await owner.send(id, "before");
  await server.as("member").send(id, "before, too");
  await owner.removeMembers(id, ["former"]);
}

async function pair(server: ChatServer, id: string): Promise<void> {
  // The pair has one conversation for ever, so each asker needs a pair of its own, on a server of its own.
  await server.as("owner").createDirect({ id, members: ["admin"] });
  await server.as("owner").send(id, "before");
}

/** Every asker, each in a conversation of its own that is as `prepare` makes it. */
function proves(
  operations: readonly OperationCase[],
  prepare: (server: ChatServer, conversationId: string) => Promise<void>,
): void {
  const cases = WAYS.flatMap(([way, ask]) => operations.map((operation) => ({ way, ask, operation })));
  it.each(cases.map((one) => ({ ...one, name: one.operation.name })))(
    "$name, over $way",
    async ({ ask, operation, way }) => {
      const outcomes: Record<string, string> = {};
      const expected: Record<string, string> = {};
      for (const [index, asker] of ASKERS.entries()) {
        const server = await openServer();
        await prepare(server, "room");
        const outcome = await ask(server, asker, operation, "room");
        outcomes[asker] = outcome.code;
        const isInside = asker !== "system" || way === WAYS[2]![0];
        // Nobody comes in from outside as the application itself.
        expected[asker] = isInside ? operation.outcomes[index]! : "unauthenticated";
        if (outcome.code !== "not_found") continue;
        expect(await ask(server, "owner", operation, "nowhere"), "not there and not yours are alike").toEqual(
          outcome,
        );
      }
      expect(outcomes).toEqual(expected);
    },
  );
}

describe("in a group", () => proves(IN_A_GROUP, group));
describe("in a direct conversation", () => proves(IN_A_PAIR, pair));
describe("anywhere", () => proves(ANYWHERE, group));
