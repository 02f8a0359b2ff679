/** What is called of a client of `@nats-io/jetstream`: `jetstream(connection)`. */
export interface JetStreamClient {
  jetstreamManager(checkAPI: boolean): Promise<JetStreamManager>;
  readonly consumers: { get(stream: string, consumer: string): Promise<JetStreamConsumer> };
}

/** What is called of its manager. */
export interface JetStreamManager {
  readonly streams: {
    info(name: string): Promise<unknown>;
    add(config: JetStreamStreamConfig): Promise<unknown>;
  };
  readonly consumers: { add(stream: string, config: JetStreamConsumerConfig): Promise<unknown> };
}

/** The stream that {@link natsFanout} makes. Ages in ns. */
export interface JetStreamStreamConfig {
  readonly name: string;
  readonly subjects: string[];
  readonly storage: "memory";
  readonly retention: "interest";
  readonly discard: "old";
  readonly max_age: number;
  readonly max_bytes: number;
  readonly max_msgs_per_subject: number;
}

/** The consumer of one server. Times in ns. */
export interface JetStreamConsumerConfig {
  readonly durable_name: string;
  readonly description: string;
  readonly filter_subject: string;
  readonly ack_policy: "explicit";
  readonly deliver_policy: "all";
  readonly ack_wait: number;
  readonly inactive_threshold: number;
}

/** What is called of a consumer. */
export interface JetStreamConsumer {
  consume(options: {
    readonly callback: (message: { readonly data: Uint8Array; ack(): void }) => void;
    readonly abort_on_missing_resource: boolean;
    readonly expires: number;
  }): Promise<JetStreamMessages>;
}

/** What is called of messages that are being consumed. */
export interface JetStreamMessages {
  /** Resolves when no more will come, with the reason if there is one. */
  closed(): Promise<void | Error>;
  close(): Promise<void | Error>;
}
