/** What is called of a connection of `amqplib` (0.10, 1 and 2, promise API). */
export interface AmqpConnection {
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "close", listener: () => void): unknown;
  createChannel(): Promise<AmqpChannel>;
  close(): Promise<void>;
}

/** What is called of its channels. */
export interface AmqpChannel {
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "close" | "drain", listener: () => void): unknown;
  assertQueue(
    queue: string,
    options: {
      readonly durable: boolean;
      readonly expires: number;
      readonly maxLength: number;
      readonly arguments: Readonly<Record<string, string | number>>;
    },
  ): Promise<unknown>;
  consume(
    queue: string,
    listener: (message: { readonly content: Buffer } | null) => void,
    options: { readonly noAck: boolean },
  ): Promise<{ readonly consumerTag: string }>;
  cancel(consumerTag: string): Promise<unknown>;
  /** False when the connection's buffer is full, until `drain`. */
  publish(
    exchange: string,
    routingKey: string,
    content: Buffer,
    options: { readonly persistent: boolean },
  ): boolean;
}
