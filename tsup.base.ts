import type { Options } from "tsup";

/** One build for every published package: ESM and CommonJS, each with its own declarations. */
export function library(entry: Record<string, string>, platform: "neutral" | "node" = "neutral"): Options {
  return {
    entry,
    format: ["esm", "cjs"],
    target: "es2022",
    platform,
    // "node:http" stays as it is written; some modules exist under that name only.
    removeNodeProtocol: false,
    // tsup passes `baseUrl` to the declaration build, which TypeScript 6 reports as deprecated.
    dts: { compilerOptions: { ignoreDeprecations: "6.0" } },
    sourcemap: true,
    clean: true,
  };
}
