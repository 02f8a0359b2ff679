import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const packages = fileURLToPath(new URL("../../packages", import.meta.url));

/** The packages as npm would serve them: packed, behind a registry of their own scope on this machine. */
export interface LocalRegistry {
  /** For `@chat:registry=` in an `.npmrc`. */
  readonly url: string;
  readonly version: string;
  close(): void;
}

/** Packs every package into `folder` and serves them. They must have been built. */
export async function serveRegistry(folder: string): Promise<LocalRegistry> {
  mkdirSync(folder, { recursive: true });
  const manifests = readdirSync(packages).map((name) => {
    execFileSync("pnpm", ["pack", "--pack-destination", folder], {
      cwd: join(packages, name),
      stdio: ["ignore", "ignore", "inherit"],
    });
    const file = readdirSync(folder).find((packed) => packed.startsWith(`chat-${name}-`))!;
    const bytes = readFileSync(join(folder, file));
    // What stands in the tarball, where the workspace's own versions have been filled in.
    const manifest = execFileSync("tar", ["-xzOf", join(folder, file), "package/package.json"]);
    return { file, bytes, manifest: JSON.parse(String(manifest)) as { name: string; version: string } };
  });

  let url = "";
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? "/").slice(1);
    const packed = manifests.find(({ file }) => path === file);
    if (packed !== undefined) return void response.end(packed.bytes);
    const found = manifests.find(({ manifest }) => path === manifest.name);
    if (found === undefined) return void response.writeHead(404).end("{}");
    const { file, bytes, manifest } = found;
    const sha512 = createHash("sha512").update(bytes).digest("base64");
    const dist = { tarball: `${url}/${file}`, integrity: `sha512-${sha512}` };
    response.setHeader("content-type", "application/json");
    response.end(
      JSON.stringify({
        name: manifest.name,
        "dist-tags": { latest: manifest.version },
        versions: { [manifest.version]: { ...manifest, dist } },
        // Package managers distrust what is younger than a day.
        time: { [manifest.version]: "2020-01-01T00:00:00.000Z" },
      }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    version: manifests[0]!.manifest.version,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
