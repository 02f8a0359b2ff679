export type { ZooKeeperClient, ZooKeeperFailure, ZooKeeperStat } from "./zookeeper-client.js";
export { zookeeperDiscovery, type ZooKeeperDiscoveryOptions } from "./zookeeper-discovery.js";
