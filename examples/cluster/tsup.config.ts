import { defineConfig } from "tsup";

export default defineConfig([
  {
    entry: ["src/start.ts", "src/server.ts", "src/proxy.ts"],
    format: "esm",
    target: "node20",
    silent: true,
  },
  {
    entry: { overview: "src/overview/overview.ts" },
    outDir: "dist/page",
    format: "esm",
    platform: "browser",
    target: "es2022",
    publicDir: "src/overview/public",
    silent: true,
  },
]);
