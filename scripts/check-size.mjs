// What a page pays that imports the client: bundled for browsers, minified, gzipped. By Oxc, with which Vite minifies; by esbuild it is 5 % more.
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { minify } from "vite";

// What they may not grow beyond. They go down with every step, and up only with what a page can do more or a defect takes to be mended. docs/size.md says what the goal is.
const BUDGETS = {
  /** What a page loads before it can do anything. */
  "first load": 25_000,
  "first load, minified by esbuild": 27_370,
  /** Reading and writing frames, with the first connection. */
  "client-codec": 4_500,
  /** Jumps into history. */
  "open-window": 1_650,
  /** Server-sent events and POSTs, where no WebSocket gets through. */
  "connect-plainly": 950,
  /** Asking which of several servers is the best. */
  "locate-server": 500,
  /** All of these. */
  everything: 32_450,
  /** What `@chat/client/presence` adds. */
  presence: 1_700,
  /** What `@chat/client/react` adds. */
  react: 1_300,
  /** What of `@chat/client/push` a page loads, and what its service worker does. */
  "subscribing to pushes": 1_000,
  "showing pushes": 700,
};

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, "packages/client/dist/browser");
const PAGE =
  'import { createChatClient } from "@chat/client"; globalThis.createChatClient = createChatClient;';

/** Leaves what is imported dynamically where it is, as bundlers do that split. */
const splitting = {
  name: "splitting",
  setup({ onResolve }) {
    onResolve({ filter: /./ }, ({ kind, path }) =>
      kind === "dynamic-import" ? { path, external: true } : undefined,
    );
  },
};

function bundling(contents) {
  return {
    stdin: { contents, resolveDir: root },
    bundle: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    write: false,
    plugins: [splitting],
    // Without this the paths of the root's tsconfig lead to the sources, and not to what is published.
    tsconfigRaw: {},
    logOverride: { "import-is-undefined": "error" },
  };
}

async function bundle(contents, options = {}) {
  const { outputFiles } = await build({ ...bundling(contents), ...options });
  return outputFiles[0].text;
}

/** Whoever bundles the client is told of nothing. */
async function warnings() {
  const options = { outdir: dist, plugins: [], splitting: true, logLevel: "silent" };
  const result = await build({ ...bundling(PAGE), ...options });
  return result.warnings.map(({ text }) => text);
}

function gzipped(code) {
  return gzipSync(code, { level: 9 }).length;
}

async function sizeOf(contents, options) {
  const { code, errors } = await minify("page.js", await bundle(contents, options), { module: true });
  if (errors.length > 0) throw new Error(errors[0].message);
  return gzipped(code);
}

/** What an entry, or a part that is loaded later, adds: its own code, without what the page has already. */
function sizeOfFile(file) {
  const contents = `export * from "./${file}";`;
  const external = ["./chunk-*", "@chat/*", "react"];
  return sizeOf(contents, { stdin: { contents, resolveDir: dist }, external });
}

/** The file of a part that is loaded later. */
function partOf(name) {
  const file = readdirSync(dist).find((file) => new RegExp(`^${name}-[A-Z0-9]{8}\\.js$`).test(file));
  if (file === undefined) throw new Error(`there is no part named ${name}; build the client first`);
  return file;
}

const loaded = { "first load": await sizeOf(PAGE) };
for (const part of ["client-codec", "open-window", "connect-plainly", "locate-server"]) {
  loaded[part] = await sizeOfFile(partOf(part));
}
const sizes = {
  ...loaded,
  everything: Object.values(loaded).reduce((sum, size) => sum + size),
  "first load, minified by esbuild": gzipped(await bundle(PAGE, { minify: true })),
  presence: await sizeOfFile("presence.js"),
  react: await sizeOfFile("react.js"),
  "subscribing to pushes": await sizeOf(
    'export { subscribeToPush, renewPush, unsubscribeFromPush } from "./packages/client/dist/browser/push.js";',
    // What the client shares with it, the page has already.
    { external: ["./chunk-*"] },
  ),
  "showing pushes": await sizeOf('export { showPushes } from "./packages/client/dist/browser/push.js";'),
};

for (const warning of await warnings()) {
  console.error(`Bundling it says: ${warning}`);
  process.exitCode = 1;
}
for (const [name, bytes] of Object.entries(sizes)) {
  const figures = `${bytes.toLocaleString("en")} of ${BUDGETS[name].toLocaleString("en")} bytes`;
  console.log(`@chat/client in a browser, ${name}, gzipped: ${figures}`);
  if (bytes > BUDGETS[name]) {
    console.error("That is over the budget.");
    process.exitCode = 1;
  }
}
