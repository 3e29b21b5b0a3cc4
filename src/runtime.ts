/** The JavaScript runtimes that millrace runs on. */
export type Runtime = "bun" | "deno" | "node";

/** Which runtime executes this process. Detected once; the order matters, since Bun and Deno also have Node's globals. */
export const runtime: Runtime = detectRuntime();

function detectRuntime(): Runtime {
  const names = globalThis as { Bun?: unknown; Deno?: unknown };
  if (names.Bun !== undefined) return "bun";
  if (names.Deno !== undefined) return "deno";
  return "node";
}

/** Makes an array whose bytes are not cleared, which only Bun can without a `Buffer`: its caller fills it at once and whole. */
const allocateUnfilled = (globalThis as { Bun?: { allocUnsafe(length: number): Uint8Array<ArrayBuffer> } }).Bun
  ?.allocUnsafe;

/** From here on the time that it takes to clear memory is seen. */
const UNFILLED_BYTES = 2048;

/**
 * Memory for bytes that the caller writes at once and whole: what was in it before is not cleared where the engine can leave that out.
 *
 * @param length bytes
 * @returns an array with a buffer of its own
 */
export function newBytes(length: number): Uint8Array<ArrayBuffer> {
  return length < UNFILLED_BYTES || allocateUnfilled === undefined ? new Uint8Array(length) : allocateUnfilled(length);
}
