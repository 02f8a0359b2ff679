export { type VapidDetails, webPush, type WebPushModule, type WebPushOptions } from "./web-push.js";
