import { defineConfig } from "tsup";

// The server; the page is built by Vite.
export default defineConfig({ entry: ["src/server.ts"], format: "esm", target: "node20", silent: true });
