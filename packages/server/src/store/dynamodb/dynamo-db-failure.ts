import { type ChatError, isChatError } from "@chat/protocol";
import { isAwsAnswer } from "../../aws/is-aws-answer.js";
import { driverCode } from "../driver-code.js";
import { unavailable } from "../sql/unavailable.js";

/** Why one write of a transaction was the reason that none was done. */
export interface CancellationReason {
  readonly Code?: string;
  readonly Item?: Record<string, unknown>;
  readonly Message?: string;
}

/** What DynamoDB answers when it wants to be asked again later; nothing was done, or with the same token it is done once. */
const AGAIN = new Set([
  "ProvisionedThroughputExceededException",
  "ThrottlingException",
  "RequestLimitExceeded",
  "TransactionConflictException",
  "TransactionInProgressException",
  "InternalServerError",
  "ServiceUnavailable",
  "ReplicatedWriteConflictException",
]);

/** The same, as reasons of one write of a transaction. */
const AGAIN_REASONS = new Set(["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"]);

function nameOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.name : "";
}

/** The reasons, one per write, of a transaction that was not done; undefined for another failure. */
export function cancellationOf(thrown: unknown): readonly CancellationReason[] | undefined {
  if (nameOf(thrown) !== "TransactionCanceledException") return undefined;
  return (thrown as { readonly CancellationReasons?: readonly CancellationReason[] }).CancellationReasons;
}

/** True if the same call is to be made again after a pause. */
export function isTransient(thrown: unknown): boolean {
  const reasons = cancellationOf(thrown)?.flatMap(({ Code = "None" }) => (Code === "None" ? [] : Code));
  if (reasons !== undefined) return reasons.length > 0 && reasons.every((code) => AGAIN_REASONS.has(code));
  return AGAIN.has(nameOf(thrown));
}

/** True if a condition of a single write did not hold. */
export function isConditionFailed(thrown: unknown): boolean {
  return nameOf(thrown) === "ConditionalCheckFailedException";
}

/** True if DynamoDB was not reached, by what {@link failureOf} made of it. */
export function isAway(thrown: unknown): boolean {
  return isChatError(thrown) && thrown.cause !== undefined && !isAwsAnswer(thrown.cause);
}

/** What the operator is told. What AWS says, with accounts and names in it, is in the cause. */
export function failureOf(thrown: unknown): ChatError {
  const name = nameOf(thrown);
  switch (name) {
    case "ResourceNotFoundException":
      return unavailable("A table is missing in DynamoDB; make it with createDynamoDbTables.", thrown);
    case "AccessDeniedException":
    case "UnrecognizedClientException":
    case "ExpiredTokenException":
    case "CredentialsProviderError":
      return unavailable(`DynamoDB refuses these credentials or what they ask for (${name}).`, thrown);
    default:
      return unavailable(
        isTransient(thrown)
          ? "DynamoDB is asked for more than the tables' capacity gives, or others are in the way; it was tried again for 10 s."
          : `DynamoDB failed (${driverCode(thrown) ?? name}).`,
        thrown,
      );
  }
}
