import { IpcError } from "../errors.ts";

/** The error of a channel that carries no descriptors. */
export function noDescriptors(call: string, address: string): IpcError {
  return new IpcError(
    "IPC_UNSUPPORTED",
    `${call} on ${address}: only a unix: channel with framing "length" carries descriptors`,
  );
}
