// What a page pays that imports the client: bundled for browsers into one file, minified, gzipped.
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

// What they may not grow beyond. They go down with every step, and up only with what a page can do more. The goal of the first load is 20,000.
const BUDGETS = {
  /** What a page loads before it can do anything. */
  "first load": 32_350,
  /** That, and what is loaded only where it is needed: plain HTTP where no WebSocket gets through, jumps into history, asking which server is the best. */
  everything: 34_850,
  /** What `@chat/client/presence` adds. */
  presence: 2_000,
  /** What `@chat/client/react` adds. */
  hooks: 1_400,
  /** What of `@chat/client/push` a page loads, and what its service worker does. */
  "subscribing to pushes": 1_000,
  "showing pushes": 700,
};

/** Leaves what is imported dynamically where it is, as bundlers do that split. */
const splitting = {
  name: "splitting",
  setup({ onResolve }) {
    onResolve({ filter: /./ }, ({ kind, path }) =>
      kind === "dynamic-import" ? { path, external: true } : undefined,
    );
  },
};

async function sizeOf(contents, options) {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: dirname(dirname(fileURLToPath(import.meta.url))) },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    write: false,
    // Without this the paths of the root's tsconfig lead to the sources, and not to what is published.
    tsconfigRaw: {},
    logOverride: { "import-is-undefined": "error" },
    ...options,
  });
  return gzipSync(outputFiles[0].contents, { level: 9 }).length;
}

const CLIENT =
  'import { createChatClient } from "@chat/client"; globalThis.createChatClient = createChatClient;';
const sizes = {
  "first load": await sizeOf(CLIENT, { plugins: [splitting] }),
  everything: await sizeOf(CLIENT),
  presence: await sizeOf('export * from "./packages/client/dist/presence.js";', {
    external: ["@chat/protocol"],
  }),
  hooks: await sizeOf('export * from "./packages/client/dist/react.js";', {
    external: ["react", "@chat/client", "@chat/client/presence"],
  }),
  "subscribing to pushes": await sizeOf(
    'export { subscribeToPush, renewPush, unsubscribeFromPush } from "./packages/client/dist/push.js";',
    { external: ["@chat/protocol"] },
  ),
  "showing pushes": await sizeOf('export { showPushes } from "./packages/client/dist/push.js";'),
};

for (const [name, bytes] of Object.entries(sizes)) {
  const figures = `${bytes.toLocaleString("en")} of ${BUDGETS[name].toLocaleString("en")} bytes`;
  console.log(`@chat/client in a browser, ${name}, minified and gzipped: ${figures}`);
  if (bytes > BUDGETS[name]) {
    console.error("That is over the budget.");
    process.exitCode = 1;
  }
}
