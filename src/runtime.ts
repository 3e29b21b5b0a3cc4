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
