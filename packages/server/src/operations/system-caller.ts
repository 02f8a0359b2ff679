import { SYSTEM_USER } from "@chat/protocol";
import type { Caller } from "./operation-context.js";

/** The device of what the application does in its own process, unless it names one. */
export const SERVER_SIDE_DEVICE = "00000000-0000-4000-8000-000000000000";

/** The application itself: in its name the server writes entries of its own, too. */
export const SYSTEM: Caller = { userId: SYSTEM_USER, deviceId: SERVER_SIDE_DEVICE, isSystem: true };
