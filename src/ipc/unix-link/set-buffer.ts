import { IpcError } from "../../errors.ts";
import { SO_SNDBUF } from "../../ffi/abi/current.ts";
import { getsockopt, setsockopt } from "../../ffi/socket.ts";

/**
 * Sets how many bytes a socket may have under way to its other end, the kernel's own overhead among them.
 *
 * @param capacity bytes; `undefined` leaves it as it is
 * @throws {IpcError} `IPC_LIMIT` when the system allows less
 */
export function setBuffer(fd: number, capacity: number | undefined, address: string): void {
  if (capacity === undefined) return;
  // the kernel doubles what it is told, and has a least size
  setsockopt(fd, SO_SNDBUF, Math.ceil(capacity / 2));
  const given = getsockopt(fd, SO_SNDBUF);
  if (given >= capacity) return;
  throw new IpcError(
    "IPC_LIMIT",
    `Cannot give ${address} a capacity of ${capacity} bytes: twice /proc/sys/net/core/wmem_max is the most, ${given} bytes`,
  );
}
