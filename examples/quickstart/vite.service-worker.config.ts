import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const page = fileURLToPath(new URL("./dist/page", import.meta.url));

/** Which files make up the page, as it was built just now, and a name that changes with them. */
function shell(): { readonly version: string; readonly files: readonly string[] } {
  const names = readdirSync(page, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile())
    .map(({ parentPath, name }) =>
      join(parentPath, name)
        .slice(page.length + 1)
        .replaceAll("\\", "/"),
    )
    .filter((name) => name !== "service-worker.js" && !name.endsWith(".map"))
    .sort();
  const version = createHash("sha256");
  for (const name of names) version.update(name).update(readFileSync(join(page, name)));
  return {
    version: version.digest("hex").slice(0, 16),
    files: names.map((name) => (name === "index.html" ? "/" : `/${name}`)),
  };
}

// By itself, in one file: what it shares with the page would become a file that it imports, which older service workers can't.
export default defineConfig({
  define: { __SHELL__: JSON.stringify(shell()) },
  publicDir: false,
  build: {
    outDir: page,
    emptyOutDir: false,
    rollupOptions: {
      input: fileURLToPath(new URL("./src/service-worker/service-worker.ts", import.meta.url)),
      // The worker keeps its name: the browser looks for a newer one under the same.
      output: { entryFileNames: "service-worker.js" },
    },
  },
});
