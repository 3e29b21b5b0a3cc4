/** Whoever read standard output has enough, as in `millrace recv frames | head`. Ends the command without a word. */
export class OutputClosed extends Error {
  override readonly name = "OutputClosed";

  constructor(options?: ErrorOptions) {
    super("Standard output was closed", options);
  }
}
