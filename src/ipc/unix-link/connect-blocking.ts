import { SOCKADDR_UN } from "../../ffi/abi/current.ts";
import { EINTR } from "../../ffi/abi/errno.ts";
import { type BlockingArgument, callBlocking, callBlockingSync } from "../../ffi/off-thread/blocking-call.ts";
import { scratch } from "../../ffi/scratch.ts";
import { SystemError } from "../../ffi/system-error.ts";
import { fillUnixAddress } from "../../ffi/unix-address.ts";
import { beforeBlocking } from "../../objects/before-blocking.ts";
import type { TimeLimit } from "../../wait/time-limit.ts";

/**
 * Connects a socket that blocks, on another thread, and so waits for room in the queue of who listens.
 *
 * A limit that comes meanwhile ends the call; the socket may be connected all the same, and the caller closes it.
 *
 * @throws {IpcError} `IPC_TIMEOUT`, `IPC_ABORTED`
 * @throws {SystemError} as `connect`
 */
export async function connectBlocking(fd: number, address: string, limit: TimeLimit): Promise<void> {
  const args = connectArguments(fd, address);
  for (;;) {
    limit.throwIfOver();
    const stop = new AbortController();
    const call = callBlocking("connect", args, stop.signal);
    try {
      await limit.race(call);
    } catch (error) {
      stop.abort();
      await call;
      throw error;
    }
    const { result, errno } = await call;
    if (result === 0) return;
    if (errno !== EINTR) throw new SystemError("connect", errno, address);
  }
}

/**
 * As {@link connectBlocking}, and blocks this thread.
 *
 * @throws {IpcError} `IPC_TIMEOUT`
 * @throws {SystemError} as `connect`
 */
export function connectBlockingSync(fd: number, address: string, limit: TimeLimit): void {
  const args = connectArguments(fd, address);
  for (;;) {
    limit.throwIfOver();
    beforeBlocking();
    const { result, errno } = callBlockingSync("connect", args, limit.left()?.timeout ?? Number.POSITIVE_INFINITY);
    if (result === 0) return;
    if (errno !== EINTR) throw new SystemError("connect", errno, address);
  }
}

function connectArguments(fd: number, address: string): BlockingArgument[] {
  const length = fillUnixAddress(address, 0);
  const shared = new Uint8Array(new SharedArrayBuffer(SOCKADDR_UN.sizeof));
  shared.set(new Uint8Array(scratch.buffer, 0, length));
  return [fd, shared, length];
}
