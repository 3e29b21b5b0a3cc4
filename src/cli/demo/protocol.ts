import type { ChannelOptions } from "../../ipc/options.ts";

/*
 * What the driver and its workers say to each other: a JSON object a line, orders on a worker's standard input, reports on its
 * standard output.
 *
 *     driver                     worker
 *     start, what it is to do →
 *                              ← loaded     a producer has the file in memory
 *     open, how much comes    →
 *                              ← opened     the channel is open, the memory for what comes is there
 *     pass                    →
 *                              ← ready      a consumer waits for the first message
 *                              ← progress   now and then, from a consumer
 *                              ← passed     a consumer has everything; with its figures
 *     pass … as often as wanted
 *     end                     →
 *                              ← ended      closed cleanly
 *
 * At any time a worker may report `failed`. A worker whose standard input ends without `end` has lost its driver and cleans up.
 */

/** What a worker does. */
export type Role = "producer" | "consumer" | "stdio-producer" | "stdio-consumer";

/** The first order. */
export interface StartOrder {
  readonly order: "start";
  readonly role: Role;
  /** Not for the roles that use standard input and output. */
  readonly address: string;
  readonly options: ChannelOptions;
  /** What a producer sends. */
  readonly file: string;
  /** Bytes a message, at most; the transport may take less. */
  readonly chunkBytes: number;
}

export type Order =
  | StartOrder
  | { readonly order: "open"; readonly bytes: number }
  | { readonly order: "pass" }
  | { readonly order: "end" };

export type Report = LoadedReport | PassedReport | ProgressReport | FailedReport | PlainReport;

export interface PlainReport {
  readonly report: "opened" | "ready" | "ended";
}

export interface LoadedReport {
  readonly report: "loaded";
  readonly bytes: number;
  /** Of the file, in hexadecimal. */
  readonly sha256: string;
}

export interface ProgressReport {
  readonly report: "progress";
  readonly bytes: number;
}

export interface PassedReport {
  readonly report: "passed";
  readonly messages: number;
  readonly bytes: number;
  /** From the start message to the last byte, by the consumer's clock. */
  readonly seconds: number;
  /** Of what arrived, in hexadecimal. */
  readonly sha256: string;
}

export interface FailedReport {
  readonly report: "failed";
  readonly message: string;
}
