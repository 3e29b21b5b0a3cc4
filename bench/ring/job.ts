/** What one process of a measurement does, given to it as JSON. */
export interface Job {
  readonly role: "send" | "receive" | "ping" | "pong";
  /** A file in `ways/`. */
  readonly way: string;
  /** A segment's file, a channel's address or a socket's path, as the way needs it. */
  readonly target: string;
  /** The same for the way back of a round trip. */
  readonly back: string;
  /** Bytes of each message, a multiple of 4 from 8. */
  readonly size: number;
  /** Messages before the clock starts. */
  readonly warmUp: number;
  /** Messages on the clock. */
  readonly count: number;
  /** Bytes of the ring's data; by default 1 MiB. */
  readonly capacity?: number;
  /** Bytes of records that are published together; 0 publishes each. */
  readonly batchBytes: number;
}

/** One way to bring messages to another process. Who receives or pings resolves to the nanoseconds from the end of the warm-up. */
export interface Way {
  send?(job: Job): Promise<void>;
  receive?(job: Job): Promise<number>;
  ping?(job: Job): Promise<number>;
  pong?(job: Job): Promise<void>;
}
