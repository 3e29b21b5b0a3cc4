/** The command has said already what went wrong, which is the cause; what is left is the exit status. */
export class ReportedError extends Error {
  override readonly name = "ReportedError";

  constructor(cause: unknown) {
    super("Reported already", { cause });
  }
}
