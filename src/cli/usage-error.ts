/** The command line cannot be understood. Ends with the status for that, and with a hint where to read more. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
