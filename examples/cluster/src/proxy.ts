import { listen } from "../../quickstart/src/listen.js";
import { createProxy } from "./create-proxy.js";
import { openDiscovery } from "./engines.js";
import { knownChatServers } from "./known-chat-servers.js";
import { createOverview, type ClusterMember } from "./overview/overview-service.js";

// The proxy by itself, for compose.yaml. CHAT_SERVERS and HTTP_SERVERS say who belongs to the cluster: `chat-1=http://chat-1:3000 chat-2=…`.

function membersOf(role: "chat" | "http", list = ""): ClusterMember[] {
  return list
    .split(" ")
    .filter(Boolean)
    .map((entry) => {
      const [serverId, url] = entry.split("=");
      return { serverId: serverId!, role, url };
    });
}

const { CHAT_SERVERS, HTTP_SERVERS } = process.env;
const members = [...membersOf("chat", CHAT_SERVERS), ...membersOf("http", HTTP_SERVERS)];
const { discovery, close } = openDiscovery();
const proxy = createProxy({
  chatServers: knownChatServers(discovery),
  httpServers: () => members.flatMap(({ role, url }) => (role === "http" && url !== undefined ? [url] : [])),
  own: createOverview({ members: () => members, discovery }),
});
console.log(`The cluster is at ${await listen(proxy, process.env)}`);

process.once("SIGTERM", () => {
  proxy.close();
  proxy.closeAllConnections();
  void close();
});
