import { defineConfig } from "tsup";
import { library } from "../../tsup.base.js";

export default defineConfig({
  ...library({ index: "src/index.ts", testing: "src/testing/index.ts" }),
  // The suite for caches runs where tests do, whatever the client runs in.
  external: ["node:assert/strict"],
});
