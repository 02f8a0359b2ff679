// The way in for `npm start` and `npm test` on a fresh machine. Node's built-ins only: nothing is installed yet.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "./children.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
process.chdir(root);

const PNPM = `pnpm@${manifest(".").devDependencies.pnpm}`;
const [task = "", ...rest] = process.argv.slice(2);
const [nodeMajor, nodeMinor] = process.versions.node.split(".").map(Number);

if (!["", "start", "test"].includes(task)) fail("Usage: node scripts/setup.mjs [start|test]");
checkNode();
await install();
await build();
if (task === "start") await start();
if (task === "test") await import("./test-all.mjs");

function checkNode() {
  if (nodeMajor > 20 || (nodeMajor === 20 && nodeMinor >= 19)) return;
  fail(`Node 20.19 or newer is needed, and this is ${process.version}.`);
}

async function install() {
  const files = ["package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml"];
  for (const folder of workspaceFolders()) files.push(join(folder, "package.json"));
  const done = stamp("install", files, process.platform + process.arch + process.version);
  if (done.isCurrent()) return;

  const missing = missingBuildTools();
  if (missing) say(`${missing}\nTrying without: a prebuilt binary may be had.`);
  say(
    `Installing packages with ${PNPM}. The first time takes a minute or two; better-sqlite3 may be compiled.`,
  );
  const frozen = existsSync("pnpm-lock.yaml") ? ["--frozen-lockfile"] : [];
  if (!(await pnpm("install", ...frozen)))
    fail("The packages could not be installed; the reason stands above.", missing);
  if (nodeMajor >= 24) useNewerSqlite();
  // An add-on built for another Node version stays in place, and pnpm does not notice.
  if (!sqliteLoads() && (!(await pnpm("rebuild", "better-sqlite3")) || !sqliteLoads())) {
    fail("better-sqlite3 is installed but does not load on this Node.", missing);
  }
  done.write();
}

async function build() {
  const folders = workspaceFolders().filter((folder) => manifest(folder).scripts?.build);
  const files = ["pnpm-lock.yaml", "tsconfig.base.json", "tsup.base.ts", ...folders.flatMap(sources)];
  const done = stamp("build", files, process.version);
  if (done.isCurrent() && folders.every((folder) => existsSync(join(folder, "dist")))) return;

  say(`Building ${folders.join(", ")}.`);
  const { code, output } = await runPnpm(["--recursive", "run", "build"], { capture: true });
  if (code !== 0) fail("The build failed:", output);
  done.write();
}

async function start() {
  say("Starting the quickstart example. Ctrl-C ends it.");
  const { code } = await runPnpm(["--filter", "@chat/example-quickstart", "run", "start", ...rest]);
  process.exit(code);
}

// Through npm, since npm hands its user settings on to what it runs: where Node's headers are for one (`nodedir`),
// which the compile of better-sqlite3 needs on a closed network. Once installed, npm takes the pnpm in node_modules.
function runPnpm(args, options) {
  return run("npm", ["exec", "--yes", "--loglevel=error", "--", PNPM, ...args], options);
}

async function pnpm(...args) {
  return (await runPnpm(args)).code === 0;
}

function missingBuildTools() {
  if (process.platform === "win32") return "";
  const works = (command) => spawnSync(command, ["--version"], { stdio: "ignore" }).status === 0;
  const missing = ["c++", "make", "python3"].filter((command) => !works(command));
  if (missing.length === 0) return "";
  const remedy =
    process.platform === "darwin"
      ? "xcode-select --install"
      : "apt-get install build-essential python3 (Debian, Ubuntu)";
  return `To compile better-sqlite3, ${missing.join(", ")} must be there: ${remedy}`;
}

// better-sqlite3 12 ends the process on Node 24, at any garbage collection; 13 ends it on Node 20. What is pinned runs on
// Node 20, and gives way to the other one here.
function useNewerSqlite() {
  const pinned = realpathSync("node_modules/better-sqlite3");
  const newer = realpathSync("node_modules/better-sqlite3-13");
  if (pinned === newer) return;
  rmSync(pinned, { recursive: true });
  symlinkSync(newer, pinned, "junction");
}

function sqliteLoads() {
  const code = 'new (require("better-sqlite3"))(":memory:").close()';
  return spawnSync(process.execPath, ["-e", code], { stdio: "ignore" }).status === 0;
}

function manifest(folder) {
  return JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
}

function workspaceFolders() {
  return ["packages", "examples", "tests"]
    .flatMap((parent) => (existsSync(parent) ? readdirSync(parent).map((name) => join(parent, name)) : []))
    .concat("benchmarks")
    .filter((folder) => existsSync(join(folder, "package.json")));
}

function sources(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isFile()) return [path];
    return entry.isDirectory() && !["node_modules", "dist", "test"].includes(entry.name) ? sources(path) : [];
  });
}

/** Remembers what a stage was done for, so that it is done again only when that has changed. */
function stamp(stage, files, world) {
  const hash = createHash("sha256").update(world);
  for (const file of files) if (existsSync(file)) hash.update(file).update(readFileSync(file));
  const value = hash.digest("hex");
  const path = join("node_modules", ".setup", stage);
  return {
    isCurrent: () => existsSync(path) && readFileSync(path, "utf8") === value,
    write() {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, value);
    },
  };
}

function say(text) {
  console.log(`\n▸ ${text}`);
}

function fail(...lines) {
  console.error(`\n✗ ${lines.filter(Boolean).join("\n")}`);
  process.exit(1);
}
