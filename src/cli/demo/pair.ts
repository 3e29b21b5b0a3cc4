import type { Runtime } from "../../runtime.ts";
import type { LoadedReport, PassedReport } from "./protocol.ts";

/** A producer and a consumer, ready to move a file again and again. */
export interface Pair {
  /** Waits until the producer has the file. */
  load(): Promise<LoadedReport>;
  /** Opens both ends, for so many bytes a pass. */
  open(bytes: number): Promise<void>;
  /** Moves the file once. */
  pass(): Promise<PassedReport>;
  /** Closes both ends cleanly. */
  end(): Promise<void>;
  /** Ends both processes, whatever they do, and removes what they left. */
  kill(): Promise<void>;
}

export interface PairSetup {
  readonly file: string;
  readonly runtime: Runtime | undefined;
  onProgress(bytes: number): void;
}
