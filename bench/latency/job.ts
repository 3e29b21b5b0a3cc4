/** What one process of a latency test does, given to it as JSON. */
export interface LatencyJob {
  readonly role: "ping" | "echo";
  /** A file in `lines/`. */
  readonly line: string;
  /** An address, a path or a port, as the line needs it. */
  readonly target: string;
  /** Bytes of each message. */
  readonly size: number;
  /** Round trips before those that count. */
  readonly warmUp: number;
  /** Round trips that count. */
  readonly count: number;
  /** Messages for each second, each due at its time, whatever became of those before; 0: the next when the reply has come. */
  readonly rate: number;
  /** The file for the nanoseconds of each round trip, as 32-bit words. */
  readonly samples: string;
}

/** The pinging end of a way to an echo and back. */
export interface Line {
  /** Sends a message, which is memory of its own. What it returns is not waited for. */
  send(message: Uint8Array): unknown;
  /** Has each reply given to a function, in the order of the messages. */
  listen(reply: (message: Uint8Array) => void): void;
  /** For lines that nothing wakes: takes the replies that are there. Others have replies come on the event loop. */
  poll?(): void;
  /** For lines that block the thread or spin: sends a message and waits for the reply. */
  roundTrip?(message: Uint8Array): Uint8Array;
  /** Ends the line and whoever it started. */
  close(): unknown;
}

/** What a file in `lines/` exports. */
export interface LineModule {
  connect(job: LatencyJob): Promise<Line>;
  /** Sends back what comes until all of it came, or until the other end closes. */
  echo(job: LatencyJob): Promise<void>;
}
