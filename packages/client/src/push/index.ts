export {
  type PushNotice,
  type PushScope,
  type ShownNotice,
  type ShowOptions,
  showPushes,
} from "./show-pushes.js";
export {
  canPush,
  type PushOptions,
  type PushRegistration,
  renewPush,
  subscribeToPush,
  unsubscribeFromPush,
} from "./subscribe-to-push.js";
