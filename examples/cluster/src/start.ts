import { type ChildProcess, fork } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { listen } from "../../quickstart/src/listen.js";
import { openBrowser } from "../../quickstart/src/open-browser.js";
import { createProxy } from "./create-proxy.js";
import { checkEngines, openDiscovery } from "./engines.js";
import { createOverview } from "./overview/overview-service.js";
import { knownChatServers } from "./known-chat-servers.js";

// Everything on one machine, without Docker: five servers as processes of their own, and the proxy in this one.

interface Member {
  readonly serverId: string;
  readonly role: "chat" | "http";
  child: ChildProcess | undefined;
  /** Where it listens, once it does. */
  url: string | undefined;
}

const program = join(dirname(fileURLToPath(import.meta.url)), "server.js");

function member(role: "chat" | "http", number: number): Member {
  return { serverId: `${role}-${number}`, role, child: undefined, url: undefined };
}

/** Resolves when it listens; rejects when it ends before. */
function start(member: Member): Promise<void> {
  const { serverId, role } = member;
  const child = fork(program, { env: { ...process.env, ROLE: role, SERVER_ID: serverId, PORT: "0" } });
  member.child = child;
  return new Promise((resolve, reject) => {
    child.once("message", (message) => {
      const { port } = message as { port: number };
      member.url = `http://127.0.0.1:${port}`;
      console.log(`${serverId} runs: kill -9 ${child.pid}`);
      resolve();
    });
    child.once("exit", (code, signal) => {
      member.child = member.url = undefined;
      console.log(`${serverId} has ended (${signal ?? code}).`);
      reject(new Error(`${serverId} did not start.`));
    });
  });
}

async function main(): Promise<void> {
  await checkEngines();
  const members = [
    member("chat", 1),
    member("chat", 2),
    member("chat", 3),
    member("http", 1),
    member("http", 2),
  ];
  await Promise.all(members.map(start));

  const { discovery, close } = openDiscovery();
  const overview = createOverview({
    members: () => members,
    discovery,
    act(serverId, action) {
      const one = members.find((member) => member.serverId === serverId);
      if (one === undefined) return;
      if (action === "start" && one.child === undefined) start(one).catch(report);
      if (action === "kill") one.child?.kill("SIGKILL");
      if (action === "drain") one.child?.kill("SIGTERM");
    },
  });
  const proxy = createProxy({
    chatServers: knownChatServers(discovery),
    httpServers: () =>
      members.flatMap(({ role, url }) => (role === "http" && url !== undefined ? [url] : [])),
    own: overview,
  });
  const address = await listen(proxy, process.env);
  console.log(
    `\nThe chat is at ${address}\nWho is carried by whom: ${address}/cluster/\nCtrl-C ends all of it.`,
  );
  openBrowser(`${address}/cluster/`);

  async function end(): Promise<void> {
    const ended = members.flatMap(({ child }) =>
      child === undefined ? [] : [new Promise((resolve) => child.once("exit", resolve))],
    );
    for (const { child } of members) child?.kill("SIGTERM");
    await Promise.all(ended);
    proxy.close();
    proxy.closeAllConnections();
    await close();
    process.exit(0);
  }
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void end());
}

function report(error: unknown): void {
  console.error(`\n✗ ${error instanceof Error ? error.message : String(error)}`);
}

main().catch((error: unknown) => {
  report(error);
  process.exit(1);
});
