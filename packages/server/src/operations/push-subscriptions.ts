import { createHash } from "node:crypto";
import { assertData, ChatError, type JsonObject, SYSTEM_USER } from "@chat/protocol";
import type { Caller, OperationContext } from "./operation-context.js";
import { SERVER_SIDE_DEVICE } from "./system-caller.js";

/** What a device needs to know about pushes. */
export interface PushState {
  /** How this server can reach devices, and what they need for it. */
  readonly providers: readonly { readonly name: string; readonly publicKey?: string }[];
  /** The provider that the device is subscribed with; absent: it is not. */
  readonly provider?: string;
}

function assertUser({ userId }: Caller): void {
  if (userId === SYSTEM_USER) throw new ChatError("invalid_argument", "The system has no devices.");
}

/**
 * How this server can reach devices that are not connected, and whether the caller's is subscribed.
 * @throws ChatError `forbidden`, `invalid_argument` (the system), `store_unavailable`
 */
export async function getPush(context: OperationContext, caller: Caller): Promise<PushState> {
  assertUser(caller);
  await context.hooks.authorize(caller, { operation: "get-push" });
  const all = await context.pushes.subscriptions(caller.userId);
  return stateOf(context, all.find(({ deviceId }) => deviceId === caller.deviceId)?.provider);
}

/**
 * Subscribes the caller's device to pushes, in place of what it had; without a provider takes the subscription back.
 * @throws ChatError `forbidden`, `invalid_argument` (no such provider, nothing that it can send to), `data_invalid`,
 * `limit_exceeded` (devices of the user), `store_unavailable`
 */
export async function setPush(
  context: OperationContext,
  caller: Caller,
  { provider, target = {} }: { readonly provider?: string; readonly target?: JsonObject },
): Promise<PushState> {
  assertUser(caller);
  assertData(target);
  await context.hooks.authorize(caller, { operation: "set-push" });
  const { userId, deviceId } = caller;
  if (provider === undefined) {
    await context.pushes.unsubscribe({ userId, deviceId });
    return stateOf(context, undefined);
  }
  // All those who name none would be one device.
  if (deviceId === SERVER_SIDE_DEVICE) {
    throw new ChatError("invalid_argument", "Pushes go to one device of a user: name its deviceId.");
  }
  const sender = context.pushProviders.get(provider);
  if (sender === undefined) {
    throw new ChatError(
      "invalid_argument",
      "This server has no such push provider; get-push names those it has.",
    );
  }
  const accepted = sender.accept(target);
  const digest = createHash("sha256").update(accepted.address).digest("base64url");
  const subscription = {
    userId,
    deviceId,
    provider,
    address: `${provider}:${digest}`,
    target: accepted.target,
  };
  const limit = context.settings.pushDevices;
  // The device itself is not among the others.
  if (!(await context.pushes.subscribe(subscription, limit))) {
    throw new ChatError("limit_exceeded", `A user has pushes on at most ${limit} devices; unsubscribe one.`);
  }
  return stateOf(context, provider);
}

function stateOf({ pushProviders }: OperationContext, provider: string | undefined): PushState {
  const providers = [...pushProviders.values()].map(({ name, publicKey }) => ({
    name,
    ...(publicKey !== undefined && { publicKey }),
  }));
  return { providers, ...(provider !== undefined && { provider }) };
}
