import {
  IN_ATTRIB,
  IN_DELETE_SELF,
  IN_MOVE_SELF,
  IN_NONBLOCK,
  O_CLOEXEC,
  O_NONBLOCK,
  O_WRONLY,
} from "../../ffi/abi/current.ts";
import { EINTR, ENOENT } from "../../ffi/abi/errno.ts";
import { cString } from "../../ffi/c-string.ts";
import { getStatusFlags, setStatusFlags } from "../../ffi/fcntl.ts";
import { close, read } from "../../ffi/fd.ts";
import { inotifyAddWatch, inotifyInit1 } from "../../ffi/inotify.ts";
import { callBlocking } from "../../ffi/off-thread/blocking-call.ts";
import { forgetFd, waitForFd } from "../../ffi/off-thread/reactor.ts";
import { SystemError } from "../../ffi/system-error.ts";
import type { TimeLimit } from "../../wait/time-limit.ts";
import { type FileIdentity, identify } from "./fifo-file.ts";

/**
 * Waits until a FIFO has a reader, by an `open` that blocks as POSIX says, on another thread.
 *
 * inotify cannot do it: a reader that itself blocks in `open`, such as `cat`, raises no event before it has a writer, and an open that
 * does not block would need a reader of its own, which wakes others who wait for one. It tells only when the path is given up.
 *
 * @param what begins the message of an error
 * @returns a non-blocking descriptor to write to, or `undefined` when the path does not name the same FIFO any more
 * @throws {IpcError} `IPC_TIMEOUT`, `IPC_ABORTED`
 * @throws {SystemError} with what `open` failed
 * @see https://pubs.opengroup.org/onlinepubs/9799919799/functions/open.html
 */
export async function openWhenRead(path: string, what: string, limit: TimeLimit): Promise<number | undefined> {
  const fifo = identify(path, what);
  if (fifo === undefined) return undefined;
  const stop = new AbortController();
  const call = callBlocking("open", [sharedString(path), O_WRONLY | O_CLOEXEC, 0], stop.signal);
  try {
    await limit.race(Promise.race([call, whenGivenUp(path, fifo, stop.signal)]));
  } catch (error) {
    stop.abort();
    const { result } = await call;
    // the reader came at the last moment, and shall see a sender that left
    if (result >= 0) close(result);
    throw error;
  }
  stop.abort();
  const { result, errno } = await call;
  if (result < 0) {
    if (errno === EINTR || errno === ENOENT) return undefined;
    throw new SystemError("open", errno, path);
  }
  setStatusFlags(result, getStatusFlags(result) | O_NONBLOCK);
  return result;
}

/** Resolves when the path does not name the FIFO any more, or `signal` fires. Never, where the system has no watch to give. */
async function whenGivenUp(path: string, { dev, ino }: FileIdentity, signal: AbortSignal): Promise<void> {
  let watcher: number | undefined;
  try {
    watcher = inotifyInit1(IN_NONBLOCK);
    // a file that somebody waits to open does not go with its last name: only its attributes change
    inotifyAddWatch(watcher, path, IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF);
    const events = new Uint8Array(4096);
    for (let now = identify(path, ""); now?.dev === dev && now.ino === ino; now = identify(path, "")) {
      await waitForFd(watcher, "read", signal);
      read(watcher, events);
    }
  } catch {
    if (!signal.aborted) await new Promise(() => {});
  } finally {
    if (watcher !== undefined) {
      forgetFd(watcher);
      close(watcher);
    }
  }
}

/** A C string in memory that another thread may use. */
function sharedString(text: string): Uint8Array<SharedArrayBuffer> {
  const bytes = cString(text);
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  return shared;
}
