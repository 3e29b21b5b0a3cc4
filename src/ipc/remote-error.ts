/**
 * What a handler threw, at the side that asked. It has the message of the original and says its name and its code; the stack is that of the
 * caller, since the other process's is nobody else's business.
 *
 * @example
 * ```ts
 * import { RemoteError, Requester, Responder } from "millrace";
 *
 * const responder = await Responder.serve("ring:remote-error-example", () => {
 *   throw new RangeError("No such price");
 * });
 * const requester = await Requester.connect("ring:remote-error-example");
 * try {
 *   await requester.request(new Uint8Array(1));
 * } catch (error) {
 *   if (!(error instanceof RemoteError)) throw error;
 *   console.log(error.remoteName, error.message);
 * }
 * await requester.close();
 * await responder.close();
 * // Output:
 * // RangeError No such price
 * ```
 */
export class RemoteError extends Error {
  override readonly name = "RemoteError";
  /** The `name` of what was thrown, such as `"RangeError"`. */
  readonly remoteName: string;
  /** Its `code`, where that was a text, such as `"ENOENT"`. */
  readonly code: string | undefined;

  constructor(remoteName: string, message: string, code?: string) {
    super(message);
    this.remoteName = remoteName;
    this.code = code;
  }
}
