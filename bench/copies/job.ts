import type { ChannelOptions } from "../../src/mod.ts";

/** What one process of a transport does, given to it as JSON. */
export interface Job {
  readonly role: "source" | "sink";
  /** A file in `ways/`. */
  readonly way: string;
  /** Of a channel, as the way needs it. */
  readonly address: string;
  readonly options: Pick<ChannelOptions, "capacity">;
  /** The file to move. */
  readonly source: string;
  /** Where it goes: a file that is there, as long as the source. */
  readonly destination: string;
  /** A file as long as the source, for who wants to share one. */
  readonly shared: string;
  /** Bytes to move at a time. */
  readonly chunkBytes: number;
  /** Counts what is copied in user space, and marks the passes for a tracer. */
  readonly counting: boolean;
  /** The sink starts the source, which reports to the end of this file, since its standard output may be taken. */
  readonly nested: boolean;
  readonly reports: string;
}

/** One end of a transport, ready to move. */
export interface End {
  /** Moves the first `bytes` of the file. A sink resolves when they are in the destination. */
  pass(bytes: number): Promise<void>;
  close(): Promise<void>;
  /** The process that this one has started as its source, to which the sink hands on each order. */
  readonly child?: number;
}

/** What a file in `ways/` exports: `source`, `sink` or both. */
export interface Way {
  source?(job: Job): Promise<End>;
  sink?(job: Job): Promise<End>;
}

/** What a process says of a pass. */
export interface Report {
  /** Milliseconds on the clock that all processes share. */
  readonly started: number;
  readonly ended: number;
  /** Bytes that were copied in user space, when it was counting. */
  readonly copied: number;
}
