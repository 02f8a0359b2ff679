import { defineConfig } from "tsup";

export default defineConfig({
  entry: ["src/server.ts", "src/client.ts"],
  format: "esm",
  target: "node20",
  silent: true,
});
