import { defineConfig } from "tsup";
import { library } from "../../tsup.base.js";

export default defineConfig({
  ...library({
    index: "src/index.ts",
    presence: "src/presence/index.ts",
    push: "src/push/index.ts",
    react: "src/react/index.ts",
    testing: "src/testing/index.ts",
  }),
  esbuildOptions(options) {
    // Writes the figures of client-limits.ts where they are used; names and lines stay readable.
    options.minifySyntax = true;
  },
  // The suites run where tests do, whatever the client runs in.
  external: ["node:assert/strict"],
  esbuildPlugins: [
    {
      name: "one client",
      setup({ onResolve }) {
        // The hooks use the client that the application has, and bring none of their own.
        onResolve({ filter: /^\.\.\/index\.js$/ }, () => ({ path: "@chat/client", external: true }));
        onResolve({ filter: /^\.\.\/presence\/index\.js$/ }, () => ({
          path: "@chat/client/presence",
          external: true,
        }));
      },
    },
  ],
});
