import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Discovery } from "@chat/server";

/** A server that there should be. */
export interface ClusterMember {
  readonly serverId: string;
  readonly role: "chat" | "http";
  /** Its own address; absent while it is not there. */
  readonly url?: string | undefined;
}

/** What the overview says of a server. */
export interface ServerView {
  readonly serverId: string;
  readonly role: "chat" | "http";
  readonly state: "up" | "draining" | "gone";
  readonly pid?: number;
  /** Who is connected to it. */
  readonly users: readonly string[];
}

/** What the overview shows, and may do. */
interface OverviewOptions {
  members(): readonly ClusterMember[];
  readonly discovery: Discovery;
  /** Where the cluster's processes are in somebody's hand: what to do to one. */
  readonly act?: (serverId: string, action: "kill" | "drain" | "start") => void;
}

const FILES: Readonly<Record<string, string>> = {
  "": "index.html",
  "overview.js": "overview.js",
  "overview.css": "overview.css",
};
const TYPES: Readonly<Record<string, string>> = { html: "text/html", js: "text/javascript", css: "text/css" };
// This runs as dist/start.js and dist/proxy.js.
const page = join(dirname(fileURLToPath(import.meta.url)), "page");

/** Serves `/cluster/`: which server carries whom. */
export function createOverview({ members, discovery, act }: OverviewOptions) {
  async function view(
    { serverId, role, url }: ClusterMember,
    draining: ReadonlySet<string>,
  ): Promise<ServerView> {
    const gone: ServerView = { serverId, role, state: "gone", users: [] };
    if (url === undefined) return gone;
    try {
      const answer = await fetch(new URL("/status", url), { signal: AbortSignal.timeout(1_000) });
      const { pid, users } = (await answer.json()) as { pid: number; users: string[] };
      return { serverId, role, state: draining.has(serverId) ? "draining" : "up", pid, users };
    } catch {
      return gone;
    }
  }

  async function status(): Promise<{ readonly canAct: boolean; readonly servers: readonly ServerView[] }> {
    const announced = await discovery.list().catch(() => []);
    const draining = new Set(announced.filter((server) => server.draining).map(({ serverId }) => serverId));
    return {
      canAct: act !== undefined,
      servers: await Promise.all(members().map((member) => view(member, draining))),
    };
  }

  async function answer(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    if (path === "status") {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(await status()));
      return;
    }
    const [, serverId, action] = /^servers\/([\w-]+)\/(kill|drain|start)$/.exec(path) ?? [];
    if (serverId !== undefined && act !== undefined && request.method === "POST") {
      // A page of another site can't send this header without being asked for leave first.
      if (request.headers["x-cluster"] === undefined) return void response.writeHead(403).end();
      act(serverId, action as "kill" | "drain" | "start");
      response.writeHead(204).end();
      return;
    }
    const file = FILES[path];
    if (file === undefined) return void response.writeHead(404).end();
    response.setHeader("content-type", `${TYPES[file.split(".").at(-1)!]}; charset=utf-8`);
    response.setHeader("content-security-policy", "default-src 'self'; frame-ancestors 'none'");
    response.end(readFileSync(join(page, file)));
  }

  return (request: IncomingMessage, response: ServerResponse): boolean => {
    const { pathname } = new URL(request.url!, "http://cluster");
    if (pathname === "/cluster") {
      response.writeHead(308, { location: "/cluster/" }).end();
      return true;
    }
    const path = /^\/cluster\/(.*)$/.exec(pathname)?.[1];
    if (path === undefined) return false;
    answer(request, response, path).catch(() => response.destroy());
    return true;
  };
}
