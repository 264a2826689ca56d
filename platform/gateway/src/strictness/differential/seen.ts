/** One request as a service's parser read it. */

export interface Seen {
  /** Its x-request-id, by which the gateway tells of it too. */
  readonly id: string;
  readonly method: string;
  readonly target: string;
  /** Names in lower case and values, a character a byte; a parser that joins or reorders them tells them its way. */
  readonly headers: readonly (readonly [string, string])[];
  /** A character a byte. */
  readonly body: string;
}

/** A server of another parser, which records what it reads and answers each request with its id. */
export interface Parser {
  readonly name: string;
  readonly port: number;
  /** Everything that was read since the last call. */
  take(): Promise<Seen[]>;
  stop(): Promise<void>;
}
