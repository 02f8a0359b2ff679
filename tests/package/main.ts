// The install matrix: `pnpm matrix`. Writes the figures into docs/support.md.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readCommandLine } from "../read-command-line.js";
import { type App, APPS } from "./apps.js";
import { serveRegistry } from "./local-registry.js";
import { nodeVersion } from "./node-version.js";
import { type Installed, PACKAGE_MANAGERS, type PackageManager } from "./package-manager.js";
import { runApp } from "./run-app.js";
import { readSection, writeSection } from "./write-section.js";

const USAGE = `Installs the packed packages into empty apps, with every package manager and Node, and runs them.

  pnpm matrix [options]

  --nodes 20,22,24     versions of Node; fetched from npm where another one is meant than this
  --managers npm,…     npm, pnpm, yarn (1, classic), yarn 4
  --apps NAME,…        only apps whose names begin so
  --no-write           leaves docs/support.md alone; otherwise what was run takes the place of its row there, or is added
`;

const { values, refuse } = readCommandLine(USAGE, {
  nodes: { type: "string", default: "20,22,24" },
  managers: { type: "string", default: Object.keys(PACKAGE_MANAGERS).join(",") },
  apps: { type: "string", default: "" },
  write: { type: "boolean", default: true },
});
const wanted = values.apps.split(",").map((name) => name.toLowerCase());
const apps = APPS.filter(({ name }) => wanted.some((start) => name.toLowerCase().startsWith(start)));
const managers = values.managers.split(",") as PackageManager[];
const unknownManager = managers.find((name) => !(name in PACKAGE_MANAGERS));
if (unknownManager !== undefined) refuse(`There is no package manager named "${unknownManager}" here.`);
if (apps.length === 0) refuse(`There is no app whose name begins with "${values.apps}".`);

/** Nothing but one of our packages: what it brings along. */
const alone = (name: "client" | "server"): App => ({
  name: `@chat/${name} alone`,
  type: "module",
  chat: [name],
  dependencies: {},
  files: { "main.js": `await import("@chat/${name}");` },
  steps: [["node", "main.js"]],
});

const folder = mkdtempSync(join(tmpdir(), "chat-matrix-"));
const registry = await serveRegistry(join(folder, "registry"));
const rows: string[][] = [];
let failures = 0;
try {
  for (const major of values.nodes.split(",").map(Number)) {
    const node = await nodeVersion(major);
    for (const manager of managers) {
      for (const app of [alone("client"), alone("server"), ...apps]) {
        const name = `${app.name}, ${manager}, Node ${node.version}`;
        let cells: string[];
        try {
          const { seconds, packages, bytes }: Installed = await runApp(app, {
            folder,
            manager,
            node,
            registry,
          });
          const size = `${(bytes / 1e6).toFixed(1)} MB`;
          cells = ["works", String(packages.length), size, `${seconds.toFixed(1)} s`];
        } catch (error) {
          failures++;
          cells = ["**fails**", "", "", ""];
          console.log(`${name}: ${error instanceof Error ? error.message : String(error)}`);
        }
        rows.push([app.name, manager, node.version, ...cells]);
        console.log(`${name}: ${cells.join(", ")}`);
      }
    }
  }
} finally {
  registry.close();
  rmSync(folder, { recursive: true, force: true });
}

/** Node by its major version: a newer one takes the place of an older. */
function keyOf([app, manager, node]: readonly string[]): string {
  return [node?.split(".")[0], manager, app].join(" ");
}

if (values.write) {
  const file = fileURLToPath(new URL("../../docs/support.md", import.meta.url));
  const page = readFileSync(file, "utf8");
  const header = ["app", "package manager", "Node", "installed, built, run", "packages", "size", "install"];
  const byKey = new Map([...readSection(page, "matrix"), ...rows].map((row) => [keyOf(row), row]));
  const everyApp = [alone("client"), alone("server"), ...APPS];
  const ordered = [20, 22, 24].flatMap((major) =>
    Object.keys(PACKAGE_MANAGERS).flatMap((manager) =>
      everyApp
        .map(({ name }) => byKey.get(keyOf([name, manager, String(major)])))
        .filter((row) => row !== undefined),
    ),
  );
  writeFileSync(file, writeSection(page, "matrix", [header, header.map(() => "---"), ...ordered]));
}
console.log(`\n${rows.length - failures} of ${rows.length} work.`);
process.exitCode = failures > 0 ? 1 : 0;
