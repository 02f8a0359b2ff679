import { fileURLToPath } from "node:url";
import { createContext, runInContext } from "node:vm";
import { build } from "esbuild";
import { expect, test } from "vitest";

const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

async function bundle(platform: "browser" | "node"): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [source("../src/index.ts")],
    alias: { "@chat/protocol": source("../../protocol/src/index.ts") },
    bundle: true,
    write: false,
    format: "iife",
    globalName: "chat",
    platform,
    target: "es2022",
    tsconfigRaw: {},
  });
  return outputFiles[0]!.text;
}

// What servers that render pages, workers and test runners have not in common with a page.
test.each(["browser", "node"] as const)(
  "importing the client (%s) touches no global but those of the language",
  async (platform) => {
    const touched: string[] = [];
    const world = createContext({});
    for (const name of [
      "window",
      "document",
      "navigator",
      "indexedDB",
      "localStorage",
      "WebSocket",
      "BroadcastChannel",
      "location",
      "addEventListener",
      "crypto",
      "performance",
      "setTimeout",
    ]) {
      Object.defineProperty(world, name, {
        get() {
          touched.push(name);
          return undefined;
        },
      });
    }
    runInContext(await bundle(platform), world);
    expect(runInContext("typeof chat.createChatClient", world)).toBe("function");
    expect(touched).toEqual([]);
  },
);
