import { chmodSync, lstatSync, unlinkSync } from "node:fs";
import { domainError } from "../../error-table.ts";
import { IpcError } from "../../errors.ts";
import { SHUT_RDWR, SOCK_NONBLOCK, SOCK_STREAM } from "../../ffi/abi/current.ts";
import { close } from "../../ffi/fd.ts";
import { forgetFd } from "../../ffi/off-thread/reactor.ts";
import { WOULD_BLOCK } from "../../ffi/results.ts";
import { accept4, bind, connect, listen, shutdown, socket } from "../../ffi/socket.ts";
import type { SystemError } from "../../ffi/system-error.ts";
import { type Ownership, own } from "../../objects/own.ts";
import type { UnixAddress } from "../address.ts";
import { LockFile } from "./lock-file.ts";
import { senderBell } from "./sender-bell.ts";

/** The file that a socket's path names. */
interface SocketFile {
  readonly path: string;
  readonly dev: number;
  readonly ino: number;
}

/**
 * A socket that others connect to. It removes its file when it closes, or when the process ends, unless the path names another one by then.
 */
export class ListeningSocket {
  /**
   * Binds and listens. A socket's file that a dead process left is replaced; one that is alive never is.
   *
   * @param backlog how many may wait to be accepted
   * @param mode permission bits of the file, less the umask
   * @param what begins the message of an error
   * @throws {IpcError} `IPC_BUSY` when somebody listens there; `IPC_EXISTS` when the path names something that is not a socket;
   *   `IPC_NOT_FOUND`, `IPC_PERMISSION`, `IPC_LIMIT`
   */
  static open({ socket: address }: UnixAddress, backlog: number, mode: number, what: string): ListeningSocket {
    const isPath = !address.startsWith("\0");
    const lock = isPath ? LockFile.take(address, "receiver", mode, what) : undefined;
    let fd = -1;
    let listening: ListeningSocket | undefined;
    try {
      if (isPath) removeStale(address, what);
      fd = socket(SOCK_STREAM | SOCK_NONBLOCK);
      bind(fd, address);
      const file = isPath ? restrict(address, mode) : undefined;
      listening = new ListeningSocket(fd, file, lock);
      listen(fd, backlog);
      // what a sender waits for: a change of the file's attributes, or its bell
      if (isPath) chmodSync(address, lstatSync(address).mode & 0o777);
      else ring(address);
      return listening;
    } catch (error) {
      if (listening !== undefined) listening.close();
      else {
        if (fd >= 0) close(fd);
        lock?.close();
      }
      if ((error as SystemError).code === "EADDRINUSE") throw busy(what, error);
      throw domainError("create", error, what);
    }
  }

  readonly fd: number;
  readonly #file: SocketFile | undefined;
  readonly #lock: LockFile | undefined;
  readonly #ownership: Ownership | undefined;
  #closed = false;

  private constructor(fd: number, file: SocketFile | undefined, lock: LockFile | undefined) {
    this.fd = fd;
    this.#file = file;
    this.#lock = lock;
    this.#ownership = file && own("unix-socket", file.path, () => this.close());
  }

  /**
   * The next connection, closed in children and non-blocking; `undefined` when there is none now.
   *
   * @throws {IpcError} `IPC_LIMIT` when no descriptor is left; the connection goes on waiting
   */
  tryAccept(address: string): number | undefined {
    for (;;) {
      try {
        const fd = accept4(this.fd, SOCK_NONBLOCK);
        return fd === WOULD_BLOCK ? undefined : fd;
      } catch (error) {
        if ((error as SystemError).code === "ECONNABORTED") continue;
        throw domainError("open", error, `Cannot accept a connection on ${address}`);
      }
    }
  }

  /** Nobody can connect any more, and who waits to be accepted is turned away. The address stays taken until `close`. */
  refuse(): void {
    shutdown(this.fd, SHUT_RDWR);
    try {
      for (let fd = accept4(this.fd); fd >= 0; fd = accept4(this.fd)) close(fd);
    } catch {
      // EINVAL: nobody is left. What could not be accepted now is turned away by close()
    }
  }

  /** Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      if (this.#file !== undefined) removeFile(this.#file);
    } finally {
      this.#ownership?.release();
      forgetFd(this.fd);
      close(this.fd);
      this.#lock?.close();
    }
  }
}

/**
 * Takes the file of a socket away that nobody listens on. The caller holds its lock.
 *
 * @throws {IpcError} `IPC_EXISTS`, `IPC_BUSY`
 */
function removeStale(path: string, what: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw new IpcError("IPC_EXISTS", `${what}: there is something at this path that is not a socket. Use another path`);
  }
  // a program that does not know of the lock may listen there
  const probe = socket(SOCK_STREAM | SOCK_NONBLOCK);
  try {
    connect(probe, path);
  } catch (error) {
    const { code } = error as SystemError;
    if (code === "ENOENT") return;
    if (code === "EPROTOTYPE") throw busy(what, error);
    if (code !== "ECONNREFUSED") throw error;
    removeFile({ path, dev: found.dev, ino: found.ino });
    return;
  } finally {
    close(probe);
  }
  throw busy(what, undefined);
}

/** Before anybody can connect. */
function restrict(path: string, mode: number): SocketFile {
  const { dev, ino, mode: made } = lstatSync(path);
  chmodSync(path, made & mode);
  return { path, dev, ino };
}

/** Removes the path when it still names this socket. */
function removeFile({ path, dev, ino }: SocketFile): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined || found.dev !== dev || found.ino !== ino) return;
  try {
    unlinkSync(path);
  } catch (error) {
    // it is stale without its listener, and the next one replaces it
    if (!["ENOENT", "EACCES", "EPERM", "EROFS"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
}

/** Wakes a sender that waits for this name. */
function ring(address: string): void {
  const bell = socket(SOCK_STREAM | SOCK_NONBLOCK);
  try {
    connect(bell, senderBell(address));
  } catch (error) {
    // no sender waits
    if ((error as SystemError).code !== "ECONNREFUSED") throw error;
  } finally {
    close(bell);
  }
}

function busy(what: string, cause: unknown): IpcError {
  return new IpcError("IPC_BUSY", `${what}: another process listens there. Close it there, or use another address`, {
    cause,
  });
}
