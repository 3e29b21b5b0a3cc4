import { basename, dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { domainError } from "../../error-table.ts";
import { IpcError } from "../../errors.ts";
import { IN_ATTRIB, IN_CREATE, IN_MOVED_TO, IN_NONBLOCK, SOCK_NONBLOCK, SOCK_STREAM } from "../../ffi/abi/current.ts";
import { close, read } from "../../ffi/fd.ts";
import { decodeInotifyEvents, inotifyAddWatch, inotifyInit1 } from "../../ffi/inotify.ts";
import { forgetFd, waitForFd } from "../../ffi/off-thread/reactor.ts";
import { WOULD_BLOCK } from "../../ffi/results.ts";
import { accept4, bind, connect, listen, socket } from "../../ffi/socket.ts";
import type { SystemError } from "../../ffi/system-error.ts";
import type { TimeLimit } from "../../wait/time-limit.ts";
import type { UnixAddress } from "../address.ts";
import { LockFile } from "./lock-file.ts";
import { senderBell } from "./sender-bell.ts";

/** A connection, and what keeps other senders out as long as it is not closed. */
export interface Sole {
  readonly fd: number;
  leave(): void;
}

/** What says that somebody may listen now. */
interface Watch {
  readonly fd: number;
  /** Takes what has been said; false when it was about something else. */
  take(): boolean;
  close(): void;
}

/** A program that does not know of the lock makes its socket's file a moment before it listens, and nothing tells when: so often it is tried again. */
const MOST_RETRIES = 9;

/**
 * Connects as the only sender, and waits until somebody listens: for a path by a watch on its folder, for an abstract name by a bell
 * that the receiver rings. No time passes between a look and the wait in which a receiver could be missed, since both begin first.
 *
 * @param what begins the message of an error
 * @returns a non-blocking socket
 * @throws {IpcError} `IPC_BUSY`, `IPC_TIMEOUT`, `IPC_ABORTED`, `IPC_NOT_FOUND`, `IPC_PERMISSION`, `IPC_LIMIT`
 */
export async function connectWhenListening(
  { socket: address }: UnixAddress,
  mode: number,
  what: string,
  limit: TimeLimit,
): Promise<Sole> {
  const isPath = !address.startsWith("\0");
  const bell = isPath ? undefined : takeBell(address, what);
  let lock: LockFile | undefined;
  let watch: Watch | undefined = bell;
  const stop = new AbortController();
  try {
    if (isPath) lock = takeLock(address, mode, what);
    for (let retries = isPath ? MOST_RETRIES : 0; ; ) {
      const fd = tryConnect(address, what);
      if (fd !== undefined) return { fd, leave: () => (bell ?? lock)?.close() };
      if (watch === undefined) {
        watch = watchFolder(address);
        continue;
      }
      limit.throwIfOver();
      const told = waitForFd(watch.fd, "read", stop.signal);
      if (retries === 0) await limit.race(told);
      else
        await limit.race(
          Promise.race([told, sleep(2 ** (MOST_RETRIES - retries), undefined, { signal: stop.signal })]),
        );
      if (watch.take()) retries = isPath ? MOST_RETRIES : 0;
      else if (retries > 0) retries--;
    }
  } catch (error) {
    bell?.close();
    lock?.close();
    throw domainError("open", error, what);
  } finally {
    stop.abort();
    if (watch !== bell) watch?.close();
  }
}

/**
 * @returns `undefined` when nobody listens
 * @throws {IpcError} `IPC_BUSY` when too many others wait to be accepted, `IPC_EXISTS`
 */
function tryConnect(address: string, what: string): number | undefined {
  const fd = socket(SOCK_STREAM | SOCK_NONBLOCK);
  let connected = false;
  try {
    connected = connect(fd, address) === 0;
    if (connected) return fd;
  } catch (error) {
    const { code } = error as SystemError;
    if (code === "ENOENT" || code === "ECONNREFUSED") return undefined;
    if (code === "EPROTOTYPE") throw new IpcError("IPC_EXISTS", `${what}: a socket that is no stream has this address`);
    throw error;
  } finally {
    if (!connected) close(fd);
  }
  throw new IpcError("IPC_BUSY", `${what}: others fill the queue of the receiver. Try again when it has read`);
}

/** `undefined` where this process may not make files: then the socket is a foreign program's, which accepts whom it likes. */
function takeLock(path: string, mode: number, what: string): LockFile | undefined {
  try {
    return LockFile.take(path, "sender", mode, what);
  } catch (error) {
    if ((error as IpcError).code !== "IPC_PERMISSION") throw error;
    return undefined;
  }
}

function watchFolder(path: string): Watch {
  const fd = inotifyInit1(IN_NONBLOCK);
  try {
    inotifyAddWatch(fd, dirname(path), IN_CREATE | IN_MOVED_TO | IN_ATTRIB);
  } catch (error) {
    close(fd);
    throw error;
  }
  const name = basename(path);
  const bytes = new Uint8Array(4096);
  return {
    fd,
    take() {
      const count = read(fd, bytes);
      // a name of none is about the folder itself, or says that events were lost
      return (
        count !== WOULD_BLOCK &&
        decodeInotifyEvents(bytes.subarray(0, count)).some((event) => event.name === name || event.name === "")
      );
    },
    close: () => closeWatched(fd),
  };
}

function takeBell(address: string, what: string): Watch {
  const fd = socket(SOCK_STREAM | SOCK_NONBLOCK);
  try {
    bind(fd, senderBell(address));
    listen(fd, 1);
  } catch (error) {
    close(fd);
    if ((error as SystemError).code !== "EADDRINUSE") throw domainError("create", error, what);
    throw new IpcError(
      "IPC_BUSY",
      `${what}: another process, or another channel of this one, already holds that end. Close it there, or use another address`,
      { cause: error },
    );
  }
  return {
    fd,
    take() {
      const caller = accept4(fd);
      if (caller >= 0) close(caller);
      return caller >= 0;
    },
    close: () => closeWatched(fd),
  };
}

function closeWatched(fd: number): void {
  forgetFd(fd);
  close(fd);
}
