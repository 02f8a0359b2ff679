// Looks at the packages as npm will serve them: packs each one, then publint and attw judge the tarball.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = mkdtempSync(join(tmpdir(), "chat-packages-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

for (const name of readdirSync(join(root, "packages"))) {
  execFileSync("pnpm", ["pack", "--pack-destination", folder], {
    cwd: join(root, "packages", name),
    stdio: ["ignore", "ignore", "inherit"],
  });
}

let failed = false;
for (const tarball of readdirSync(folder).map((name) => join(folder, name))) {
  // node10 knows no subpath exports, and no Node version that we run on resolves that way.
  for (const [command, ...args] of [
    ["publint", "run", "--strict", tarball],
    ["attw", tarball, "--profile", "node16", "--no-emoji"],
  ]) {
    const { status } = spawnSync(command, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
    if (status !== 0) failed = true;
  }
}
process.exitCode = failed ? 1 : 0;
