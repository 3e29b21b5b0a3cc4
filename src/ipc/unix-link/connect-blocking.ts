import { SOCKADDR_UN } from "../../ffi/abi/current.ts";
import { EINTR } from "../../ffi/abi/errno.ts";
import { callBlocking } from "../../ffi/off-thread/blocking-call.ts";
import { scratch } from "../../ffi/scratch.ts";
import { SystemError } from "../../ffi/system-error.ts";
import { fillUnixAddress } from "../../ffi/unix-address.ts";
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
  const length = fillUnixAddress(address, 0);
  const shared = new Uint8Array(new SharedArrayBuffer(SOCKADDR_UN.sizeof));
  shared.set(new Uint8Array(scratch.buffer, 0, length));
  for (;;) {
    limit.throwIfOver();
    const stop = new AbortController();
    const call = callBlocking("connect", [fd, shared, length], stop.signal);
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
