/** What a run of the fuzzer did. */
export class Figures {
  connections = 0;
  messages = 0;
  bytes = 0;
  answers = 0;
  requests = 0;
  clientConnections = 0;
  clientMessages = 0;
  bystanderMessages = 0;
  /** Bytes of memory, resident. */
  peakServerBytes = 0;
  peakClientBytes = 0;
  readonly #refusals = new Map<string, number>();

  /** A refusal by its error code or HTTP status. */
  countRefusal(code: string): void {
    this.#refusals.set(code, (this.#refusals.get(code) ?? 0) + 1);
  }

  toString(): string {
    const mb = (bytes: number): string => `${Math.round(bytes / 1_048_576)} MB`;
    return [
      `${this.connections} connections`,
      `${this.messages} messages`,
      `${this.answers} frames answered`,
      `${this.requests} HTTP requests`,
      `${this.clientConnections} connections and ${this.clientMessages} messages of the client`,
      `server ${mb(this.peakServerBytes)}, client ${mb(this.peakClientBytes)} at most`,
    ].join(", ");
  }

  /** How often each refusal was given. */
  get refusals(): ReadonlyMap<string, number> {
    return this.#refusals;
  }
}
