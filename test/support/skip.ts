/**
 * Says why a test does nothing here, so that the runner counts and prints it as skipped. Call it and return:
 * `if (process.getuid?.() !== 0) return skip("needs root")`.
 */
export function skip(reason: string): void {
  process.stdout.write(`\n${SKIP_MARK}${reason.replaceAll("\n", " ")}\n`);
}

/** How the runner finds a skip in the output of a test file. */
export const SKIP_MARK = "# skip: ";
