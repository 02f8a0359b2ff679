import { assertId, ChatError } from "@chat/protocol";

/** @throws ChatError `invalid_argument` */
export function assertUserIds(value: unknown, name: string): void {
  if (!Array.isArray(value)) throw new ChatError("invalid_argument", `${name} must be a list of user ids.`);
  for (const userId of value as readonly unknown[]) assertId(userId, `A user id in ${name}`);
}
