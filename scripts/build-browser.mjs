// The client as browsers load it in production, below dist/browser: small, with the protocol and its libraries inside. What is the same
// for whoever uses it: all public names, codes and typed fields of errors, what is stored, and what tabs and server are told. What is not:
// sentences of errors (docs/errors.md has them) and the names of properties that nobody else sees. Everything else, Node and development
// included, takes the readable build that tsup makes.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { minify } from "terser";
import { internalNames } from "./browser-build/internal-names.mjs";
import { importDirectly, modulesOf } from "./browser-build/import-directly.mjs";
import { constantsOf, shortenSource } from "./browser-build/shorten-source.mjs";
import { trimPackage } from "./browser-build/trim-package.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const client = join(root, "packages/client");
const outdir = join(client, "dist/browser");
const entries = { index: "index", presence: "presence/index", push: "push/index", react: "react/index" };
const files = Object.values(entries).map((entry) => `packages/client/src/${entry}.ts`);
const { internal } = internalNames(root, files);
const constants = new Map(
  ["limits", "entry-kinds", "close-code"].flatMap((name) => [
    ...constantsOf(readSource(`packages/protocol/src/${name}.ts`)),
  ]),
);

/** Where each export of the protocol is from: imported from there, what is not needed at once can be split off. */
const protocol = "packages/protocol/src/";
const modules = new Map(
  [...modulesOf(readSource(`${protocol}index.ts`))].map(([name, module]) => [
    name,
    join(root, protocol, module.replace(/\.js$/, ".ts")),
  ]),
);

function readSource(path) {
  return readFileSync(join(root, path), "utf8");
}

const shorter = {
  name: "shorter",
  setup({ onResolve, onLoad }) {
    // The hooks use the client that the application has, and bring none of their own.
    onResolve({ filter: /^\.\.\/index\.js$/ }, () => ({ path: "@chat/client", external: true }));
    onResolve({ filter: /^\.\.\/presence\/index\.js$/ }, () => ({
      path: "@chat/client/presence",
      external: true,
    }));
    onResolve({ filter: /^eventemitter3$/ }, () => ({
      path: join(client, "node_modules/eventemitter3/index.js"),
    }));
    // Reading and writing frames is loaded with the first connection. The copy is made below, as what is the same would be one file here.
    onResolve({ filter: /^\.\/load-codec\.js$/ }, ({ resolveDir }) => ({
      path: join(resolveDir, "load-codec-later.ts"),
    }));
    onResolve({ filter: /^\.\/client-codec-again\.js$/ }, ({ path }) => ({ path, external: true }));
    onLoad({ filter: /\/packages\/(client|protocol)\/src\/.*\.ts$/ }, ({ path }) => ({
      contents: importDirectly(
        shortenSource(readFileSync(path, "utf8"), constants),
        "@chat/protocol",
        modules,
      ),
      loader: "ts",
    }));
    onLoad({ filter: /\/(idb|eventemitter3)\/(build\/)?index\.js$/ }, ({ path }) => ({
      contents: trimPackage(
        /(idb|eventemitter3)\/(?:build\/)?index\.js$/.exec(path)[1],
        readFileSync(path, "utf8"),
      ),
    }));
  },
};

const { outputFiles } = await build({
  entryPoints: Object.fromEntries(
    files.map((file, index) => [Object.keys(entries)[index], join(root, file)]),
  ),
  outdir,
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "browser",
  target: "es2022",
  external: ["react", "isomorphic-ws"],
  chunkNames: "[name]-[hash]",
  sourcemap: "external",
  minifySyntax: true,
  mangleProps: new RegExp(`^(${internal.join("|")})$`),
  tsconfigRaw: {},
  write: false,
  plugins: [shorter],
});

const textOf = ({ text }) => text;
/** Without imports for nothing but their effects, which no chunk has: esbuild warns whoever bundles them. Lines stay where they are. */
const withoutBareImports = (code) => code.replaceAll(/^import "\.\/chunk-[^"]+";$/gm, "");
rmSync(outdir, { recursive: true, force: true });
mkdirSync(outdir, { recursive: true });
for (const file of outputFiles.filter(({ path }) => path.endsWith(".js"))) {
  const bundled = JSON.parse(textOf(outputFiles.find(({ path }) => path === `${file.path}.map`)));
  const name = basename(file.path);
  const { code, map } = await minify(withoutBareImports(textOf(file)), {
    module: true,
    ecma: 2022,
    // A directive that terser does not know is one that React does.
    compress: { passes: 3, directives: false, keep_fargs: false, unsafe_arrows: true },
    sourceMap: { content: bundled, filename: name, url: `${name}.map`, asObject: true },
  });
  // The sources as they are, with their sentences: line by line they are where the build had them.
  map.sourcesContent = map.sources.map((source) => readFileSync(resolve(outdir, source), "utf8"));
  map.sources = map.sources.map((source) => relative(outdir, resolve(outdir, source)));
  writeFileSync(file.path, `${code}\n`);
  if (name.startsWith("client-codec-")) writeFileSync(join(outdir, "client-codec-again.js"), `${code}\n`);
  writeFileSync(`${file.path}.map`, JSON.stringify(map));
}
