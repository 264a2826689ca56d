/** The port behind which instances run: as processes, and later in containers and clusters. `runtime.contract.ts` is its contract. */

/** Everything that one instance is started from; pure data, so that tests compare it and adapters translate it. */
export interface InstanceSpec {
  /** Unique for ever: `users-7.1.0f3c…`. */
  readonly id: string;
  readonly service: string;
  readonly deployment: string;
  /** Program and arguments; not a shell's line. At least one. */
  readonly argv: readonly string[];
  /** Absolute. */
  readonly cwd: string;
  /** The whole environment; nothing is added but what the runtime itself needs. */
  readonly env: Readonly<Record<string, string>>;
  /** Ports that the instance is told to listen on, by name: `http`, `tcp`. */
  readonly ports: Readonly<Record<string, number>>;
  /** File that output and errors are appended to; absolute. */
  readonly logFile: string;
  /** Facts for whoever finds the instance later; never a secret. */
  readonly labels: Readonly<Record<string, string>>;
  /**
   * Id of a running instance whose listening sockets this one is given, from descriptor 3 on, in the form of systemd's socket
   * activation. The running one must have been started with SUCCESSOR_FILE in its environment, and start its successor on SIGUSR2
   * (the gateway does). The new one outlives it.
   */
  readonly inheritsFrom?: string;
}

/** What a runtime remembers of an instance, across a death of the supervisor. */
export interface InstanceRecord {
  readonly id: string;
  readonly service: string;
  readonly deployment: string;
  readonly ports: Readonly<Record<string, number>>;
  readonly logFile: string;
  readonly labels: Readonly<Record<string, string>>;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  /** How the runtime's own tools know it: a process id, a container id. */
  readonly handle: string;
}

/** How an instance ended; both null when nobody saw it (it ended while no supervisor watched). */
export interface InstanceEnd {
  readonly code: number | null;
  readonly signal: string | null;
}

export interface StopOptions {
  /** Time from the polite request (SIGTERM) to the end by force; 0 forces at once. */
  readonly graceMs: number;
  /** Aborted: the rest of the grace is not waited for. */
  readonly hasten?: AbortSignal;
}

export interface Runtime {
  readonly name: 'process' | 'docker' | 'swarm' | 'kubernetes';

  /**
   * Starts one instance and answers as soon as it exists; whether it is well is for its health check to say.
   * A death of the caller at any moment leaves either nothing or an instance that `list` finds.
   *
   * @throws StartFault when it cannot be started: no such command, no such folder, nobody to inherit from
   */
  start(spec: InstanceSpec): Promise<InstanceRecord>;

  /** Every instance that runs now, whoever started it; what is left of ended ones is removed on the way. */
  list(): Promise<readonly InstanceRecord[]>;

  /** Changes the labels of an instance; they are on disk when it resolves. Rejects when it does not run. */
  relabel(id: string, labels: Readonly<Record<string, string>>): Promise<InstanceRecord>;

  /** Sends it a signal that means something to it; false when it does not run. */
  signal(id: string, signal: 'SIGUSR2'): Promise<boolean>;

  /** Resolves when the instance has ended and nothing of it is left; at once when it is not known. Rejects when `signal` aborts. */
  ended(id: string, signal: AbortSignal): Promise<InstanceEnd>;

  /** Ends it with everything it started; resolves when nothing is left, at once when it is not known. */
  stop(id: string, options: StopOptions): Promise<void>;

  /** Whether the listener on a port belongs to this instance; null when that cannot be told. */
  holdsPort(id: string, port: number): Promise<boolean | null>;
}

/** Why an instance could not be started: a sentence for people. */
export class StartFault extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.name = 'StartFault';
  }
}
