import type { Route } from "../route.js";
import { conversationRoutes } from "./conversations.js";
import { memberRoutes } from "./members.js";
import { messageRoutes } from "./messages.js";
import { presenceRoutes } from "./presence.js";
import { privacyRoutes } from "./privacy.js";
import { pushRoutes } from "./push.js";
import { receiptRoutes } from "./receipts.js";
import { serverRoutes } from "./servers.js";
import { userRoutes } from "./users.js";

/** Every operation over HTTP. `/health` and `/openapi.json` are the service's own. */
export const ROUTES: readonly Route[] = [
  ...conversationRoutes,
  ...memberRoutes,
  ...messageRoutes,
  ...receiptRoutes,
  ...presenceRoutes,
  ...privacyRoutes,
  ...userRoutes,
  ...serverRoutes,
  ...pushRoutes,
];
