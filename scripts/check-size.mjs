// What a page pays that imports the client: bundled for browsers, minified, gzipped file by file.
import { basename, dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

// What they may not grow beyond. They go down with every step, and up only with what a page can do more. The goal of the first load is 20,000.
const BUDGETS = {
  /** What a page loads before it can do anything. */
  "first load": 29_300,
  /** That, and what is loaded only where it is needed: plain HTTP where no WebSocket gets through. */
  everything: 30_400,
};

const { metafile, outputFiles } = await build({
  stdin: {
    contents:
      'import { createChatClient } from "@chat/client"; globalThis.createChatClient = createChatClient;',
    resolveDir: dirname(dirname(fileURLToPath(import.meta.url))),
  },
  bundle: true,
  splitting: true,
  outdir: "/",
  minify: true,
  format: "esm",
  platform: "browser",
  target: "es2022",
  write: false,
  metafile: true,
  // Without this the paths of the root's tsconfig lead to the sources, and not to what is published.
  tsconfigRaw: {},
  logOverride: { "import-is-undefined": "error" },
});

const outputs = new Map(
  Object.entries(metafile.outputs).map(([path, { entryPoint, imports }]) => {
    const { contents } = outputFiles.find((file) => basename(file.path) === basename(path));
    return [path, { entryPoint, imports, bytes: gzipSync(contents, { level: 9 }).length }];
  }),
);

/** The files that are loaded with one, itself included. */
function loadedWith(path, loaded = new Set()) {
  if (loaded.has(path)) return loaded;
  loaded.add(path);
  for (const { path: other, kind } of outputs.get(path).imports)
    if (kind === "import-statement") loadedWith(other, loaded);
  return loaded;
}

const entry = [...outputs.keys()].find((path) => outputs.get(path).entryPoint === "<stdin>");
const sum = (paths) => [...paths].reduce((bytes, path) => bytes + outputs.get(path).bytes, 0);
const sizes = { "first load": sum(loadedWith(entry)), everything: sum(outputs.keys()) };

for (const [name, bytes] of Object.entries(sizes)) {
  const figures = `${bytes.toLocaleString("en")} of ${BUDGETS[name].toLocaleString("en")} bytes`;
  console.log(`@chat/client in a browser, ${name}, minified and gzipped: ${figures}`);
  if (bytes > BUDGETS[name]) {
    console.error("That is over the budget.");
    process.exitCode = 1;
  }
}
