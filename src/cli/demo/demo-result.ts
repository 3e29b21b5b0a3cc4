import { gbPerSecond } from "../gb-per-second.ts";
import type { LoadedReport, PassedReport } from "./protocol.ts";

/** How a transport did. */
export interface DemoResult {
  readonly transport: string;
  /** In one pass, as are bytes and seconds. */
  readonly messages: number;
  readonly bytes: number;
  /** The median of the passes. */
  readonly seconds: number;
  readonly gbPerSecond: number;
  readonly sha256Sent: string;
  /** Of the first pass that arrived wrong, if one did. */
  readonly sha256Received: string;
  /** True when every pass arrived as it was sent. */
  readonly ok: boolean;
  /** Why there are no figures. */
  readonly error?: string;
}

/** Puts the passes of a transport together. What was received is compared here, by length and by hash. */
export function summarize(transport: string, sent: LoadedReport, passes: readonly PassedReport[]): DemoResult {
  const sorted = [...passes].sort((one, other) => one.seconds - other.seconds);
  const median = sorted[(sorted.length - 1) >> 1];
  if (median === undefined) return failed(transport, "nothing was moved");
  const wrong = passes.find(({ bytes, sha256 }) => bytes !== sent.bytes || sha256 !== sent.sha256);
  const { messages, bytes, seconds, sha256 } = wrong ?? median;
  return {
    transport,
    messages,
    bytes,
    seconds,
    gbPerSecond: gbPerSecond(bytes, seconds),
    sha256Sent: sent.sha256,
    sha256Received: sha256,
    ok: wrong === undefined,
  };
}

/** The result of a transport that could not be used. */
export function failed(transport: string, error: string): DemoResult {
  return {
    transport,
    messages: 0,
    bytes: 0,
    seconds: 0,
    gbPerSecond: 0,
    sha256Sent: "",
    sha256Received: "",
    ok: false,
    error,
  };
}
