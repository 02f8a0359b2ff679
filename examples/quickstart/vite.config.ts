import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

// The page; the service worker is built after it, by vite.service-worker.config.ts.
export default defineConfig({
  root: fileURLToPath(new URL("./src/page", import.meta.url)),
  build: {
    outDir: "../../dist/page",
    emptyOutDir: true,
    // For browsers before these, :dir() would become a list of languages, which chats do not name.
    cssTarget: ["chrome120", "firefox115", "safari16.4"],
  },
});
