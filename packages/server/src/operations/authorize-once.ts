import type { IdempotencyKey } from "../store/message-store.js";
import type { OperationSubject } from "./hooks.js";
import type { Caller, OperationContext } from "./operation-context.js";

/**
 * Asks the application about an operation, unless that was carried out under this key already: who was answered once gets that
 * answer again, whatever the application would say now.
 * @throws ChatError `forbidden`, the application's own, `overloaded`, `store_unavailable`
 */
export async function authorizeOnce(
  context: OperationContext,
  caller: Caller,
  key: IdempotencyKey,
  subject: OperationSubject,
): Promise<void> {
  if (!context.hooks.watchesOperations(caller)) return;
  if ((await context.messages.find(key)) !== undefined) return;
  await context.hooks.authorize(caller, subject);
}
