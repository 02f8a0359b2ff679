import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { expect } from "vitest";

const root = fileURLToPath(new URL("../../../", import.meta.url));

/**
 * What a bundler makes of `import "@chat/client"`: a script that puts its exports into the global `chat`.
 * @param conditions `development`, or none as for production
 */
export async function bundleClient(conditions: readonly string[]): Promise<string> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: 'export { createChatClient } from "@chat/client";', resolveDir: root },
    bundle: true,
    write: false,
    metafile: true,
    logLevel: "error",
    format: "iife",
    globalName: "globalThis.chat",
    conditions: [...conditions],
    // Without this the paths of the root's tsconfig lead to the sources, and not to what is published.
    tsconfigRaw: {},
  });
  const inputs = Object.keys(metafile.inputs);
  const isSmall = inputs.some((path) => path.endsWith("packages/client/dist/browser/index.js"));
  expect(isSmall).toBe(!conditions.includes("development"));
  return outputFiles[0]!.text;
}
