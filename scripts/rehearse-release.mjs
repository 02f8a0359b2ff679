// Rehearses a release up to the tarballs, in a clone that is thrown away: what `changeset version` makes of the changesets that
// are committed, and what would be published. The packages must have been built.
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = mkdtempSync(join(tmpdir(), "chat-release-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
const clone = join(folder, "clone");
const tarballs = join(folder, "tarballs");
const PATH = join(root, "node_modules", ".bin") + delimiter + process.env.PATH;

function run(command, args, cwd = clone) {
  return execFileSync(command, args, {
    cwd,
    env: { ...process.env, PATH },
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
}

const problems = [];
function expect(holds, sentence) {
  if (!holds) problems.push(sentence);
}

/** The changesets: which packages each names, and what it says. */
function changesets() {
  const names = readdirSync(join(clone, ".changeset")).filter((name) => name.endsWith(".md"));
  return names.map((name) => {
    const [, head = "", said = ""] = readFileSync(join(clone, ".changeset", name), "utf8").split(/^---$/m);
    return { name, packages: [...head.matchAll(/"([^"]+)"/g)].map(([, found]) => found), said: said.trim() };
  });
}

run("git", ["clone", "--quiet", root, clone], root);
run("pnpm", ["install", "--frozen-lockfile", "--prefer-offline", "--ignore-scripts", "--silent"]);
const pending = changesets();
expect(pending.length > 0, "there is nothing to release: no changeset");
run("changeset", ["version"]);
expect(changesets().length === 0, "changeset version left changesets behind");

const versions = new Set();
for (const name of readdirSync(join(clone, "packages"))) {
  const source = join(clone, "packages", name);
  const changelog = existsSync(join(source, "CHANGELOG.md"))
    ? readFileSync(join(source, "CHANGELOG.md"), "utf8")
    : "";
  const { version } = JSON.parse(readFileSync(join(source, "package.json"), "utf8"));
  versions.add(version);
  expect(changelog.includes(`## ${version}`), `@chat/${name} has no changelog of ${version}`);
  for (const { name: file, packages, said } of pending) {
    const [firstLine] = said.split("\n");
    const isThere = changelog.includes(firstLine);
    const isMeant = packages.includes(`@chat/${name}`);
    expect(
      isThere === isMeant,
      `the changelog of @chat/${name} ${isMeant ? "lacks" : "should not have"} ${file}`,
    );
  }
  const dist = join(root, "packages", name, "dist");
  expect(existsSync(dist), `@chat/${name} has not been built`);
  if (existsSync(dist)) cpSync(dist, join(source, "dist"), { recursive: true });
  run("pnpm", ["pack", "--pack-destination", tarballs], source);
}
expect(versions.size === 1, `the packages have different versions: ${[...versions].join(", ")}`);

for (const tarball of readdirSync(tarballs)) {
  const listed = run("tar", ["-tzf", join(tarballs, tarball)]).split("\n");
  const manifest = JSON.parse(run("tar", ["-xzOf", join(tarballs, tarball), "package/package.json"]));
  for (const file of ["CHANGELOG.md", "LICENSE", "README.md", "dist/index.js", "dist/index.d.ts"]) {
    expect(listed.includes(`package/${file}`), `${tarball} lacks ${file}`);
  }
  for (const [name, range] of Object.entries(manifest.dependencies ?? {})) {
    if (name.startsWith("@chat/")) expect(versions.has(range), `${tarball} depends on ${name}@${range}`);
    expect(!range.startsWith("workspace:"), `${tarball} depends on ${name}@${range}`);
  }
  console.log(`${tarball}: ${listed.length - 1} files`);
}

console.log(`${pending.length} changesets make version ${[...versions].join(", ")}.`);
for (const problem of problems) console.error(`✗ ${problem}`);
process.exitCode = problems.length > 0 ? 1 : 0;
