export type { SnsClient, SqsClient } from "./aws-clients.js";
export { snsSqsFanout, type SnsSqsFanoutOptions } from "./sns-sqs-fanout.js";
