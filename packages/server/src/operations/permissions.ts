import { ChatError, type ConversationType, type Role } from "@chat/protocol";

/** Something that roles decide about. */
export type Deed =
  | { readonly what: "add-members" }
  /** `others`: the roles of those who are removed, whoever removes them left out. */
  | { readonly what: "remove-members"; readonly others: readonly Role[] }
  | { readonly what: "update"; readonly fields: readonly ("name" | "data" | "historyVisibility")[] }
  /** `own`: whoever redacts the message sent it. */
  | { readonly what: "redact-message"; readonly own: boolean }
  /** `others`: how many besides whoever does it are given the role. */
  | { readonly what: "set-role"; readonly role: Role; readonly others: number };

/**
 * What roles may do: all of it, in one place. The table for people is in docs/guides/moderate.md. In a direct conversation
 * both may change `data` and redact what they sent, and nobody anything else.
 * @throws ChatError `forbidden`
 */
export function assertMay(role: Role, type: ConversationType, deed: Deed): void {
  if (deed.what === "redact-message") {
    if (deed.own || (type === "group" && role !== "member")) return;
    throw forbidden("A message is redacted by its sender, or an owner or admin of the group.");
  }
  if (type === "direct") {
    if (deed.what === "update" && deed.fields.every((field) => field === "data")) return;
    throw forbidden(
      "A direct conversation has its two members for ever, and no name: only its data changes.",
    );
  }
  if (role === "owner") return;
  switch (deed.what) {
    case "add-members":
    case "update":
      if (role === "admin") return;
      throw forbidden("This takes the role owner or admin.");
    case "remove-members":
      if (deed.others.length > 0 && role === "member") {
        throw forbidden("This takes the role owner or admin; a member may leave.");
      }
      if (deed.others.every((other) => other === "member")) return;
      throw forbidden("Only the owner removes admins, and nobody the owner.");
    case "set-role":
      if (deed.others === 0 && deed.role === "member") return;
      throw forbidden("Only the owner gives roles; an admin may step down.");
  }
}

function forbidden(sentence: string): ChatError {
  return new ChatError("forbidden", sentence);
}
