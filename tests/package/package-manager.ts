import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { App } from "./apps.js";
import type { LocalRegistry } from "./local-registry.js";
import { type NodeVersion, thisAddon } from "./node-version.js";
import { runCommand } from "./run-command.js";

const { devDependencies } = createRequire(import.meta.url)("../../package.json") as {
  devDependencies: Record<string, string>;
};

/** The package managers, as a stranger has them: each with its own way of laying out node_modules. */
export const PACKAGE_MANAGERS = {
  npm: ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"],
  pnpm: [
    "npm",
    "exec",
    "--yes",
    "--loglevel=error",
    "--",
    `pnpm@${devDependencies["pnpm"]}`,
    "install",
    "--ignore-scripts",
  ],
  yarn: [
    "npm",
    "exec",
    "--yes",
    "--loglevel=error",
    "--",
    "yarn@1.22.22",
    "install",
    "--ignore-scripts",
    "--non-interactive",
  ],
  "yarn 4": [
    "npm",
    "exec",
    "--yes",
    "--loglevel=error",
    "--package=@yarnpkg/cli-dist@4.18.1",
    "--",
    "yarn",
    "install",
    "--mode=skip-build",
  ],
} as const;

/** The name of a package manager. */
export type PackageManager = keyof typeof PACKAGE_MANAGERS;

/** What an install put on the disk. */
export interface Installed {
  readonly seconds: number;
  /** name@version of each package, once. */
  readonly packages: readonly string[];
  readonly bytes: number;
}

/** Writes an app's files into an empty folder and installs what it names. */
export async function installApp(
  app: App,
  folder: string,
  manager: PackageManager,
  node: NodeVersion,
  registry: LocalRegistry,
): Promise<Installed> {
  mkdirSync(folder, { recursive: true });
  const chat = Object.fromEntries(app.chat.map((name) => [`@chat/${name}`, registry.version]));
  const dependencies = Object.fromEntries(
    Object.entries(app.dependencies).map(([name, version]) => [
      name,
      typeof version === "string" ? version : version(node),
    ]),
  );
  const manifest = {
    name: "app",
    version: "1.0.0",
    private: true,
    type: app.type,
    dependencies: { ...chat, ...dependencies },
  };
  const files = {
    ...app.files,
    "package.json": JSON.stringify(manifest),
    ".npmrc": `@chat:registry=${registry.url}\n`,
    ...(manager === "yarn 4" && { "yarn.lock": "", ".yarnrc.yml": yarnSettings(registry) }),
  };
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(folder, name, ".."), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  const [command, ...args] = PACKAGE_MANAGERS[manager];
  const began = performance.now();
  // Classic yarn keeps packages by version alone, and ours changes under the same one from build to build.
  const env = { ...node.env, YARN_CACHE_FOLDER: join(folder, "..", "yarn-cache") };
  await runCommand(command, args, { cwd: folder, env });
  const seconds = (performance.now() - began) / 1_000;
  const { packages, bytes } = weigh(join(folder, "node_modules"));
  // The one install script of them all would compile it anew for each app; 13 comes compiled.
  const target = join(folder, "node_modules", "better-sqlite3");
  if (existsSync(target) && !existsSync(join(target, "prebuilds")))
    cpSync(thisAddon(), join(target, "build", "Release", "better_sqlite3.node"));
  return { seconds, packages: [...packages].sort(), bytes };
}

/** Yarn reads no `.npmrc` since its version 2. node_modules are what the applications' own commands look into. */
function yarnSettings({ url }: LocalRegistry): string {
  const everythingElse = execFileSync("npm", ["config", "get", "registry"], { encoding: "utf8" }).trim();
  // JSON is YAML.
  return JSON.stringify({
    nodeLinker: "node-modules",
    enableImmutableInstalls: false,
    enableTelemetry: false,
    npmRegistryServer: everythingElse,
    npmScopes: { chat: { npmRegistryServer: url } },
    unsafeHttpWhitelist: [url, everythingElse].map((address) => new URL(address).hostname),
  });
}

/** What lies under a folder, each file once; links are not followed. */
function weigh(folder: string, packages = new Set<string>()): { packages: Set<string>; bytes: number } {
  let bytes = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) bytes += weigh(path, packages).bytes;
    else if (entry.isFile()) {
      bytes += lstatSync(path).size;
      if (entry.name === "package.json" && /node_modules\/(@[^/]+\/)?[^/]+$/.test(realpathSync(folder))) {
        const { name, version } = JSON.parse(readFileSync(path, "utf8")) as {
          name?: string;
          version?: string;
        };
        if (name !== undefined && version !== undefined) packages.add(`${name}@${version}`);
      }
    }
  }
  return { packages, bytes };
}
