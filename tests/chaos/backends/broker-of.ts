import type { EngineProcess } from "../../../packages/server/test/engines/engine-process.js";
import type { Broker } from "./broker.js";

/** @param part of its folder that is taken away when it crashes */
export function brokerOf(engine: EngineProcess, part?: string): Awaited<ReturnType<Broker["start"]>> {
  return {
    port: engine.port,
    async crash() {
      await engine.kill();
      if (part !== undefined) await engine.empty(part);
      await engine.start();
    },
    dispose: () => engine.dispose(),
  };
}
