import { join } from "node:path";
import type { App } from "./apps.js";
import type { LocalRegistry } from "./local-registry.js";
import type { NodeVersion } from "./node-version.js";
import { type Installed, installApp, type PackageManager } from "./package-manager.js";
import { runCommand } from "./run-command.js";

/** Installs an app in an empty folder of its own and performs what it has to. @throws Error with what was printed */
export async function runApp(
  app: App,
  where: {
    readonly folder: string;
    readonly manager: PackageManager;
    readonly node: NodeVersion;
    readonly registry: LocalRegistry;
  },
): Promise<Installed> {
  const { manager, node, registry } = where;
  const folder = join(where.folder, `${app.name}-${manager}-${node.version}`.replaceAll(/\W+/g, "-"));
  const installed = await installApp(app, folder, manager, node, registry);
  for (const [command, ...args] of app.steps) {
    await runCommand(command!, args, { cwd: folder, env: { ...node.env, NEXT_TELEMETRY_DISABLED: "1" } });
  }
  return installed;
}
