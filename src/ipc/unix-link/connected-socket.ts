import { SHUT_RD, SHUT_WR } from "../../ffi/abi/current.ts";
import { close } from "../../ffi/fd.ts";
import { geteuid } from "../../ffi/ids.ts";
import { forgetFd } from "../../ffi/off-thread/reactor.ts";
import { getsockoptPeercred, type PeerCredentials, shutdown } from "../../ffi/socket.ts";
import type { SystemError } from "../../ffi/system-error.ts";
import type { Side } from "../link.ts";

/** A connected socket and its two directions. Each direction has one user; the descriptor is closed when both have left. */
export class ConnectedSocket {
  /** Non-blocking. */
  readonly fd: number;
  /** Who is at the other end, as the kernel wrote it down when the connection was made. */
  readonly credentials: PeerCredentials;
  readonly #open: Set<Side>;

  /**
   * @param fd becomes this object's
   * @param sides the directions that are used; with one of them the socket is closed whole
   */
  constructor(fd: number, sides: readonly Side[]) {
    this.fd = fd;
    this.#open = new Set(sides);
    this.credentials = getsockoptPeercred(fd);
  }

  /** Whether the other end is run by this process's user. */
  get sameUser(): boolean {
    return this.credentials.uid === geteuid();
  }

  /** Ends one direction for both ends of the connection. Idempotent. */
  leave(side: Side): void {
    if (!this.#open.delete(side)) return;
    // pending waits resolve; those of the other direction look again
    forgetFd(this.fd);
    if (this.#open.size === 0) close(this.fd);
    else this.#shutdown(side === "sender" ? SHUT_WR : SHUT_RD);
  }

  /** Ends both. */
  close(): void {
    for (const side of this.#open) this.leave(side);
  }

  #shutdown(how: number): void {
    try {
      shutdown(this.fd, how);
    } catch (error) {
      if ((error as SystemError).code !== "ENOTCONN") throw error;
    }
  }
}
