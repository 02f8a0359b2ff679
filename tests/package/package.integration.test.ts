import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type App, APPS } from "./apps.js";
import { type LocalRegistry, serveRegistry } from "./local-registry.js";
import { thisNode } from "./node-version.js";
import { runApp } from "./run-app.js";

// A part of the matrix (`pnpm matrix`), with npm and this Node. The packages must have been built.
const SHORT = [
  "Express, ESM",
  "Express, CommonJS",
  "TypeScript (node16, bundler)",
  "TypeScript 5.4 (node16, CommonJS)",
];

// Each waits most of all for the registry, so they wait at the same time.
describe.concurrent("installed from the packed tarballs with npm", { timeout: 300_000 }, () => {
  let folder: string;
  let registry: LocalRegistry;
  const run = (app: App) => runApp(app, { folder, manager: "npm", node: thisNode(), registry });

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "chat-package-"));
    registry = await serveRegistry(join(folder, "registry"));
  }, 120_000);

  afterAll(() => {
    registry.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test.each(APPS.filter(({ name }) => SHORT.includes(name)))("$name works", async (app) => {
    await run(app);
  });

  test.each([
    ["client", ["@chat/client", "@chat/protocol", "eventemitter3", "idb", "isomorphic-ws", "ws"]],
    // No driver: the application brings the one that it uses.
    ["server", ["@chat/protocol", "@chat/server", "@msgpack/msgpack", "ws"]],
  ] as const)("@chat/%s brings along what it uses, and nothing else", async (name, expected) => {
    const app: App = {
      name,
      type: "module",
      chat: [name],
      dependencies: {},
      files: { "main.js": `await import("@chat/${name}");` },
      steps: [["node", "main.js"]],
    };
    const { packages } = await run(app);
    expect(packages.map((at) => at.slice(0, at.lastIndexOf("@")))).toEqual(expected);
  });
});
