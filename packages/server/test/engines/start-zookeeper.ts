import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { EngineProcess, programOf, run } from "./engine-process.js";

const LIBRARY = "/usr/share/java/zookeeper.jar";

/** True where Debian's ZooKeeper and a Java are installed. */
export const hasZooKeeper = existsSync(LIBRARY) && programOf("java") !== undefined;

/** A ZooKeeper of a test's own; sessions last from one second on. */
export function startZooKeeper(): Promise<EngineProcess> {
  return EngineProcess.create(({ port, folder }) => {
    const settings = {
      tickTime: 500,
      dataDir: join(folder, "data"),
      clientPort: port,
      clientPortAddress: "127.0.0.1",
      "admin.enableServer": false,
    };
    const file = join(folder, "zoo.cfg");
    writeFileSync(
      file,
      Object.entries(settings)
        .map((setting) => setting.join("="))
        .join("\n"),
    );
    return run("java", [
      "-Xmx128m",
      "-cp",
      LIBRARY,
      "org.apache.zookeeper.server.quorum.QuorumPeerMain",
      file,
    ]);
  });
}
