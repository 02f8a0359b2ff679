import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";

const page = fileURLToPath(new URL("./src/page", import.meta.url));
const serviceWorker = fileURLToPath(new URL("./src/service-worker/service-worker.ts", import.meta.url));

/** Tells the service worker which files make up the page, and a name that changes with them. */
function shellForServiceWorker(): Plugin {
  return {
    name: "shell-for-service-worker",
    generateBundle: {
      order: "post",
      handler(_options, bundle) {
        const worker = bundle["service-worker.js"];
        if (worker?.type !== "chunk") throw new Error("The service worker is not in the bundle.");
        const built = Object.values(bundle).filter((file) => file !== worker);
        const version = createHash("sha256");
        for (const file of built) version.update(file.type === "chunk" ? file.code : file.source);
        const shell = {
          version: version.digest("hex").slice(0, 16),
          files: [...built.map(({ fileName }) => fileName), ...readdirSync(join(page, "public"))]
            .filter((name) => !name.endsWith(".map"))
            .map((name) => (name === "index.html" ? "/" : `/${name}`)),
        };
        worker.code = worker.code.replace("__SHELL__", JSON.stringify(shell));
      },
    },
  };
}

export default defineConfig({
  root: page,
  plugins: [shellForServiceWorker()],
  build: {
    outDir: "../../dist/page",
    emptyOutDir: true,
    // For browsers before these, :dir() would become a list of languages, which chats do not name.
    cssTarget: ["chrome120", "firefox115", "safari16.4"],
    rollupOptions: {
      input: [join(page, "index.html"), serviceWorker],
      output: {
        // The worker keeps its name: the browser looks for a newer one under the same.
        entryFileNames: ({ name }) => (name === "service-worker" ? "[name].js" : "assets/[name]-[hash].js"),
      },
    },
  },
});
