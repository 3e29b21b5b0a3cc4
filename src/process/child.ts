import { domainError } from "../error-table.ts";
import { POLLIN, SIGKILL, WNOHANG } from "../ffi/abi/current.ts";
import { close } from "../ffi/fd.ts";
import { forgetFd, waitForFd } from "../ffi/off-thread/reactor.ts";
import { pidfdOpen, pidfdSendSignal } from "../ffi/pidfd.ts";
import { pollOne } from "../ffi/poll.ts";
import { kill } from "../ffi/signal.ts";
import { waitpid } from "../ffi/spawn.ts";
import type { ChildStatus } from "../ffi/wait-status.ts";
import { beforeBlocking } from "../objects/before-blocking.ts";
import { abortedError, timeoutError, type WaitOptions } from "../wait/wait-options.ts";

/** How a child ended: by itself, or by a signal, whose number it has. */
export type ExitStatus = Extract<ChildStatus, { kind: "exited" | "killed" }>;

/**
 * A child of this process that the runtime knows nothing of. It is waited for by its own descriptor and its own id, so neither the
 * children of the runtime nor its handler of SIGCHLD are concerned.
 */
export class Child {
  readonly pid: number;
  readonly #pidfd: number;
  #status: ExitStatus | undefined;
  #failure: unknown;

  /**
   * @param pid from `posixSpawn`. When this throws, the child was killed and waited for
   * @throws {IpcError} `IPC_LIMIT` no descriptors left
   * @throws {IpcError} `IPC_UNSUPPORTED` Linux before 5.3
   */
  constructor(pid: number) {
    this.pid = pid;
    try {
      this.#pidfd = pidfdOpen(pid);
    } catch (error) {
      // this id is still the child's: nobody has waited for it
      killAndReap(pid);
      throw domainError("spawn", error, `Cannot watch the child ${pid}`);
    }
  }

  /** How it ended, once somebody waited for it. */
  get status(): ExitStatus | undefined {
    return this.#status;
  }

  /**
   * @param what the call, for errors
   * @throws {IpcError} `IPC_TIMEOUT`, `IPC_ABORTED`; the child goes on, and may be waited for again
   * @throws {SystemError} `ECHILD` somebody else waited for it
   */
  async wait(what: string, { signal, timeout = Number.POSITIVE_INFINITY }: WaitOptions): Promise<ExitStatus> {
    const end = performance.now() + timeout;
    const stop = new AbortController();
    const onAbort = () => stop.abort();
    signal?.addEventListener("abort", onAbort, { once: true });
    const timer = timeout < LONGEST_TIMER ? setTimeout(onAbort, timeout) : undefined;
    try {
      for (;;) {
        const status = this.#reap();
        if (status !== undefined) return status;
        if (signal?.aborted) throw abortedError(what, signal);
        if (timeout === 0 || stop.signal.aborted) throw timeoutError(what, timeout);
        try {
          await waitForFd(this.#pidfd, "read", stop.signal);
        } catch (error) {
          if (!stop.signal.aborted) throw error;
        }
        if (performance.now() < end) continue;
        const last = this.#reap();
        if (last !== undefined) return last;
        throw timeoutError(what, timeout);
      }
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /**
   * As {@link wait}, and blocks the thread.
   *
   * @throws {IpcError} `IPC_TIMEOUT`
   * @throws {SystemError} `ECHILD` somebody else waited for it
   */
  waitSync(what: string, timeout: number): ExitStatus {
    for (let last = false; ; ) {
      const status = this.#reap();
      if (status !== undefined) return status;
      if (last) throw timeoutError(what, timeout);
      if (timeout > 0) beforeBlocking();
      last = pollOne(this.#pidfd, POLLIN, timeout) === 0;
    }
  }

  /**
   * How it ended, if it has; never waits.
   *
   * @throws {SystemError} `ECHILD` somebody else waited for it
   */
  tryWait(): ExitStatus | undefined {
    return this.#reap();
  }

  /**
   * @returns whether it was sent: not to a child that was waited for
   * @throws {IpcError} `IPC_PERMISSION` the child has another user now
   */
  kill(signal: number): boolean {
    if (this.#status !== undefined || this.#failure !== undefined) return false;
    try {
      pidfdSendSignal(this.#pidfd, signal);
      return true;
    } catch (error) {
      if ((error as { code?: unknown }).code === "ESRCH") return false;
      throw domainError("signal", error, `Cannot send signal ${signal} to the child ${this.pid}`);
    }
  }

  #reap(): ExitStatus | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#status !== undefined) return this.#status;
    try {
      const change = waitpid(this.pid, WNOHANG);
      if (typeof change === "number") return undefined;
      const { pid, ...status } = change;
      // without WUNTRACED and WCONTINUED there is no other change than the end
      this.#status = status as ExitStatus;
    } catch (error) {
      this.#failure = error;
      this.#release();
      throw error;
    }
    this.#release();
    return this.#status;
  }

  #release(): void {
    forgetFd(this.#pidfd);
    close(this.#pidfd);
  }
}

const LONGEST_TIMER = 2 ** 31;

function killAndReap(pid: number): void {
  kill(pid, SIGKILL);
  while (typeof waitpid(pid) === "number");
}
