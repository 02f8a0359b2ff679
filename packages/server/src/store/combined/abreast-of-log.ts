import type { ConversationStore } from "../conversation-store.js";
import type { RowRepair } from "./row-repair.js";

/**
 * Rows that a crash left behind their log show too little, never anything wrong, but for one: that members are so already as somebody asks
 * for. Whoever removed a member, was acknowledged, and adds them again would be told that they never left. So rows are brought up first.
 */
export function abreastOfLog(rows: ConversationStore, repair: RowRepair): ConversationStore {
  const roles: ConversationStore["roles"] = async (conversationId, userIds) => {
    await repair.bringUp(conversationId);
    return rows.roles(conversationId, userIds);
  };
  return new Proxy(rows, {
    get(target, name) {
      if (name === "roles") return roles;
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}
