import type { Caller, OperationContext } from "./operation-context.js";

/** A chat server that a device may connect to. */
interface RecommendedServer {
  /** Absolute, ws or wss. */
  readonly url: string;
  readonly region?: string;
}

/**
 * The chat servers that the caller's device should connect to, the best one first. How busy they are is nobody's business outside.
 * @throws ChatError `store_unavailable`
 */
export async function listServers(
  context: OperationContext,
  caller: Caller,
  request: { readonly region?: string },
): Promise<readonly RecommendedServer[]> {
  await context.hooks.authorize(caller, { operation: "list-servers" });
  const servers = await context.directory.recommend(request.region);
  return servers.map(({ url, region }) => ({ url, ...(region !== undefined && { region }) }));
}
