export { type ActivitySignals, pageActivity } from "./activity-signals.js";
export { type Presence, type PresenceOptions, presenceOf, type UserStatus } from "./presence.js";
