import { SYS_pidfd_open, SYS_pidfd_send_signal } from "./abi/current.ts";
import { lazyBind } from "./bind.ts";
import { checkInt32, checkUint32 } from "./check.ts";
import { failedCall } from "./system-error.ts";

// glibc before 2.36 has no functions for these
const calls = lazyBind({
  syscall: { parameters: ["i64", "i32", "u32", "pointer", "u32"], result: "i32" },
});

/**
 * `int pidfd_open(pid_t pid, unsigned int flags)` — A descriptor of a process, closed in child processes. It can be read, as `poll` and
 * `epoll` say, once the process has ended, also before anybody waited for it. It means that process for ever, unlike the id.
 *
 * @param flags `O_NONBLOCK` (`PIDFD_NONBLOCK`, Linux 5.10), or 0
 * @throws {SystemError} `EINVAL` a wrong id, or an unknown flag
 * @throws {SystemError} `EMFILE`, `ENFILE` the limit of open descriptors of the process, or of the system
 * @throws {SystemError} `ENODEV`, `ENOMEM` the kernel cannot make one
 * @throws {SystemError} `ENOSYS` a kernel before 5.3
 * @throws {SystemError} `ESRCH` no such process
 * @see https://man7.org/linux/man-pages/man2/pidfd_open.2.html
 *
 * @example Wait at most five seconds for a child
 * ```ts
 * import { close, pidfdOpen, POLLIN, pollOne, posixSpawn, waitpid } from "millrace/ffi";
 *
 * const pid = posixSpawn("/bin/sh", ["sh", "-c", "exit 3"]);
 * const pidfd = pidfdOpen(pid);
 * console.log(pollOne(pidfd, POLLIN, 5000) === POLLIN); // true
 * close(pidfd);
 * console.log(waitpid(pid)); // { pid, kind: "exited", code: 3 }
 * ```
 */
export function pidfdOpen(pid: number, flags = 0): number {
  checkInt32("pid", pid);
  checkUint32("flags", flags);
  const fd: number = calls().syscall(SYS_pidfd_open, pid, flags, 0, 0);
  if (fd < 0) throw failedCall("pidfd_open");
  return fd;
}

/**
 * `int pidfd_send_signal(int pidfd, int sig, siginfo_t *info, unsigned int flags)` — Sends a signal to the process of a descriptor, as
 * `kill` does, and never to another one that got its id.
 *
 * @param signal 0 only finds out whether one may
 * @throws {SystemError} `EBADF` not a descriptor of a process
 * @throws {SystemError} `EINVAL` no such signal, or a process of another namespace
 * @throws {SystemError} `ENOSYS` a kernel before 5.1
 * @throws {SystemError} `EPERM` another user's process
 * @throws {SystemError} `ESRCH` the process ended and was waited for
 * @see https://man7.org/linux/man-pages/man2/pidfd_send_signal.2.html
 */
export function pidfdSendSignal(pidfd: number, signal: number): void {
  checkInt32("pidfd", pidfd);
  checkInt32("signal", signal);
  if (calls().syscall(SYS_pidfd_send_signal, pidfd, signal, 0, 0) !== 0) throw failedCall("pidfd_send_signal");
}
