/** One record of a topic. */
export interface KafkaRecord {
  readonly partition: number;
  readonly key: string;
  readonly value: Uint8Array;
}

/** What the fan-out needs of a Kafka client: {@link kafkajs} makes one of its client; for another driver write one of your own. */
export interface KafkaConnection {
  /** How many partitions a topic has. Rejects if it is not there. */
  partitions(topic: string): Promise<number>;
  /** Sends records, with the acknowledgement of the partition's leader. Rejects with the broker's or the connection's error. */
  send(topic: string, records: readonly KafkaRecord[]): Promise<unknown>;
  /**
   * Reads one partition from its end on, until the returned function is called. Goes on by itself after the loss of the connection: where
   * it was, or with what is there if Kafka came back empty. May resolve before it has found the end.
   * @param groupId names a consumer group that has this reader alone, for drivers that read by groups
   */
  read(
    topic: string,
    partition: number,
    groupId: string,
    handler: (key: string, value: Uint8Array) => void,
  ): Promise<() => Promise<unknown>>;
  /** Closes what it has opened. */
  close(): Promise<unknown>;
}
