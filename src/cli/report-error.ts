import { inspect } from "node:util";
import { IpcError } from "../errors.ts";
import { statusOf } from "./exit-status.ts";
import type { Interruption } from "./interruption.ts";
import { OutputClosed } from "./output-closed.ts";
import { ReportedError } from "./reported-error.ts";
import { UsageError } from "./usage-error.ts";

interface Circumstances {
  /** Print the stack and the causes as well. */
  readonly debug: boolean;
  readonly interruption: Interruption;
}

/**
 * Says in one line on standard error what went wrong. A command that was interrupted, or whose output nobody reads any more, ends
 * without a word.
 *
 * @returns the exit status
 */
export async function reportError(error: unknown, { debug, interruption }: Circumstances): Promise<number> {
  const interrupted = interruption.status !== undefined;
  const quiet = interrupted || error instanceof OutputClosed || error instanceof ReportedError;
  if (!quiet || debug) {
    const text = debug ? inspect(error) : describeError(error);
    const hint = error instanceof UsageError && !debug ? ". See millrace --help" : "";
    await new Promise((resolve) => process.stderr.write(`millrace: ${text}${hint}\n`, resolve));
  }
  return interruption.status ?? statusOf(error);
}

/** The error's message in one line. */
export function describeError(error: unknown): string {
  const message = error instanceof Error ? error.message || error.name : String(error);
  const text = message.replace(/\s*[\r\n]+\s*/g, "; ");
  return error instanceof IpcError ? `${text} (${error.code})` : text;
}
