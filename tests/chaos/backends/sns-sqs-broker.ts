import { SNS } from "@aws-sdk/client-sns";
import { SQS } from "@aws-sdk/client-sqs";
import { snsSqsFanout } from "@chat/server/sns-sqs";
import type { Broker } from "./broker.js";
import { brokerOf } from "./broker-of.js";

/** SNS and SQS as fauxqs has them, in memory. */
export const snsSqsBroker: Broker = {
  // Looking for a Node that is new enough takes a while, which servers' processes are spared.
  async canStart() {
    const { hasFauxqs } = await import("../../../packages/server/test/engines/start-fauxqs.js");
    return hasFauxqs;
  },

  async start() {
    const { startFauxqs } = await import("../../../packages/server/test/engines/start-fauxqs.js");
    return brokerOf(await startFauxqs());
  },

  async open(port, registry) {
    const options = {
      endpoint: `http://127.0.0.1:${port}`,
      region: "us-east-1",
      credentials: { accessKeyId: "test", secretAccessKey: "test" },
    };
    const [sns, sqs] = [new SNS(options), new SQS(options)];
    return {
      fanout: snsSqsFanout({ sns, sqs, registry }),
      close() {
        sns.destroy();
        sqs.destroy();
      },
    };
  },
};
