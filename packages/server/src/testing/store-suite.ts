import type { Case } from "./cases/case.js";
import { changeFeedCases } from "./cases/change-feed-cases.js";
import { conversationChangeCases } from "./cases/conversation-change-cases.js";
import { conversationListCases } from "./cases/conversation-list-cases.js";
import { housekeepingCases } from "./cases/housekeeping-cases.js";
import { membershipCases } from "./cases/membership-cases.js";
import { messageStoreCases } from "./cases/message-store-cases.js";
import { presenceCases } from "./cases/presence-cases.js";
import { privacyCases } from "./cases/privacy-cases.js";
import { profileCases } from "./cases/profile-cases.js";
import { pushCases } from "./cases/push-cases.js";
import { receiptCases } from "./cases/receipt-cases.js";
import { redactionCases } from "./cases/redaction-cases.js";
import { storeLifeCases } from "./cases/store-life-cases.js";
import { type StoreEngine, StoreWorld } from "./store-world.js";
import { CASE_TIMEOUT, type SuiteApi } from "./suite-api.js";

/**
 * Proves, against the real engine, that a store keeps the contracts `ChatStore`,
 * `MessageStore`, `ConversationStore`, `Housekeeping` and `PushStore`, and of a `follower`, where there is one. An `outbox` it leaves to you.
 * ```ts
 * import { describe, it } from "vitest";
 * storeSuite({ describe, it }, "my store", () => createEmptyEngine());
 * ```
 * @param name of the store, for the report
 * @param create makes an engine that holds nothing yet; called once for each case
 */
export function storeSuite(
  api: SuiteApi,
  name: string,
  create: () => StoreEngine | Promise<StoreEngine>,
): void {
  const groups: readonly [string, (prove: Case) => void][] = [
    ["messages", messageStoreCases],
    ["redactions", redactionCases],
    ["housekeeping", housekeepingCases],
    ["memberships", membershipCases],
    ["roles, names, history", conversationChangeCases],
    ["conversation list", conversationListCases],
    ["changes", changeFeedCases],
    ["receipts", receiptCases],
    ["privacy", privacyCases],
    ["profiles", profileCases],
    ["presence", presenceCases],
    ["pushes", pushCases],
    ["opening, watching, closing", storeLifeCases],
  ];
  api.describe(`Store contract: ${name}`, () => {
    for (const [title, declare] of groups) {
      api.describe(title, () => {
        declare((sentence, prove) => {
          api.it(
            sentence,
            async () => {
              const world = new StoreWorld(await create());
              try {
                await world.open();
                await prove(world);
              } finally {
                await world.close();
              }
            },
            CASE_TIMEOUT,
          );
        });
      });
    }
  });
}
