import { fileURLToPath } from "node:url";

/** The folder, git-ignored, for pictures of failures and those that CHAT_SCREENSHOTS=1 asks for. */
export const SCREENSHOTS = fileURLToPath(new URL("../screenshots/", import.meta.url));

export const WANTS_SCREENSHOTS = process.env.CHAT_SCREENSHOTS === "1";
