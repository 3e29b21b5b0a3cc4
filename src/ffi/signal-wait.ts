import {
  SFD_CLOEXEC,
  SI_QUEUE,
  SIG_BLOCK,
  SIG_SETMASK,
  SIG_UNBLOCK,
  SIGINFO,
  SIGNALFD_SIGINFO,
  SIGSET,
  SYS_rt_tgsigqueueinfo,
} from "./abi/current.ts";
import { EAGAIN, EINTR } from "./abi/errno.ts";
import { lazyBind } from "./bind.ts";
import { checkInt32, checkTimeout } from "./check.ts";
import { read } from "./fd.ts";
import { getpid, getuid } from "./ids.ts";
import { INTERRUPTED, WOULD_BLOCK } from "./results.ts";
import { scratch, scratchAddress } from "./scratch.ts";
import { fillSignalSet, readSignalSet } from "./signal-set.ts";
import { clear, getMember, setMember } from "./struct.ts";
import { failedCall, lastErrno, SystemError } from "./system-error.ts";
import { interval, isForEver } from "./timespec.ts";

/**
 * Signals that are waited for, instead of handled. They have to be blocked in every thread that might get them: {@link pthreadSigmask}
 * blocks them in one, and a runtime has threads of its own, which get the signals that are sent to the process. Signals that are
 * sent to a thread (`tgkill`) concern only that one. Bun unblocks all signals of its main thread while its event loop waits.
 */

const calls = lazyBind({
  sigqueue: { parameters: ["i32", "i32", "i64"], result: "i32" },
  sigprocmask: { parameters: ["i32", "pointer", "pointer"], result: "i32" },
  // returns the errno
  pthread_sigmask: { parameters: ["i32", "pointer", "pointer"], result: "i32" },
  sigpending: { parameters: ["pointer"], result: "i32" },
  sigtimedwait: { parameters: ["pointer", "pointer", "pointer"], result: "i32" },
  sigwaitinfo: { parameters: ["pointer", "pointer"], result: "i32" },
  signalfd: { parameters: ["i32", "pointer", "i32"], result: "i32" },
});

// glibc has no function for it
const threadCalls = lazyBind({
  syscall: { parameters: ["i64", "i32", "i32", "i32", "pointer"], result: "i32" },
});

/** A signal that was taken: what `siginfo_t` tells. */
export interface SignalInfo {
  /** Its number. */
  signal: number;
  /** How it was sent: `SI_USER`, `SI_QUEUE`, `SI_MESGQ`, `SI_KERNEL`, and others; `SI_TKILL` only from {@link readSignalfd}. */
  code: number;
  /** Who sent it; 0 when the kernel did. */
  pid: number;
  uid: number;
  /** The number that came with it (`SI_QUEUE`, `SI_MESGQ`), signed. */
  value: number;
}

/**
 * `int sigqueue(pid_t pid, int sig, const union sigval value)` — Sends a signal and a number to a process.
 *
 * @param signal 0 only finds out whether one may
 * @param value from -2^31 to 2^31 - 1
 * @throws {SystemError} `EAGAIN` too many signals wait (`RLIMIT_SIGPENDING`)
 * @throws {SystemError} `EINVAL` no such signal
 * @throws {SystemError} `EPERM` another user's process
 * @throws {SystemError} `ESRCH` no such process
 * @see https://man7.org/linux/man-pages/man3/sigqueue.3.html
 */
export function sigqueue(pid: number, signal: number, value: number): void {
  checkInt32("pid", pid);
  checkInt32("signal", signal);
  checkInt32("value", value);
  if (calls().sigqueue(pid, signal, value) !== 0) throw failedCall("sigqueue");
}

/**
 * `int rt_tgsigqueueinfo(pid_t tgid, pid_t tid, int sig, siginfo_t *info)` — Sends a signal and a number to one thread, as {@link sigqueue}
 * does to a process. One thread takes its signals in their order, which several threads of a process do not.
 *
 * @param tgid the process
 * @param tid the thread; the main thread has the id of the process
 * @param value from -2^31 to 2^31 - 1
 * @throws {SystemError} `EAGAIN` too many signals wait (`RLIMIT_SIGPENDING`)
 * @throws {SystemError} `EINVAL` no such signal, or not a positive id
 * @throws {SystemError} `EPERM` another user's process
 * @throws {SystemError} `ESRCH` no such thread in that process
 * @see https://man7.org/linux/man-pages/man2/rt_sigqueueinfo.2.html
 */
export function rtTgsigqueueinfo(tgid: number, tid: number, signal: number, value: number): void {
  checkInt32("tgid", tgid);
  checkInt32("tid", tid);
  checkInt32("signal", signal);
  checkInt32("value", value);
  const [pid, uid] = [getpid(), getuid()];
  clear(scratch, SIGINFO.sizeof);
  setMember(scratch, SIGINFO.si_signo, signal);
  setMember(scratch, SIGINFO.si_code, SI_QUEUE);
  setMember(scratch, SIGINFO.si_pid, pid);
  setMember(scratch, SIGINFO.si_uid, uid);
  setMember(scratch, SIGINFO.si_value_sival_int, value);
  if (threadCalls().syscall(SYS_rt_tgsigqueueinfo, tgid, tid, signal, scratchAddress()) !== 0)
    throw failedCall("rt_tgsigqueueinfo");
}

/**
 * `int pthread_sigmask(int how, const sigset_t *set, sigset_t *oldset)` — Says, and if asked changes, which signals this thread does
 * not get for now. They wait.
 *
 * @param how `"block"` adds to them, `"unblock"` takes away, `"set"` replaces them; without, nothing changes
 * @param signals `SIGKILL` and `SIGSTOP` are passed over
 * @returns those that were blocked before
 * @throws {SystemError} `EINVAL` no such signal
 * @see https://man7.org/linux/man-pages/man3/pthread_sigmask.3.html
 */
export function pthreadSigmask(how?: "block" | "unblock" | "set", signals: readonly number[] = []): number[] {
  const [operation, set] = maskArguments(how, signals);
  const errno: number = calls().pthread_sigmask(operation, set, scratchAddress() + SIGSET.sizeof);
  if (errno !== 0) throw new SystemError("pthread_sigmask", errno);
  return readSignalSet(SIGSET.sizeof);
}

/**
 * `int sigprocmask(int how, const sigset_t *set, sigset_t *oldset)` — The same as {@link pthreadSigmask}, as C programs know it. On Linux
 * it changes the mask of the thread that calls it and of no other, and every runtime has several; POSIX leaves it open.
 *
 * @param how as of {@link pthreadSigmask}
 * @returns those that were blocked before
 * @throws {SystemError} `EINVAL` no such signal
 * @see https://man7.org/linux/man-pages/man2/sigprocmask.2.html
 */
export function sigprocmask(how?: "block" | "unblock" | "set", signals: readonly number[] = []): number[] {
  const [operation, set] = maskArguments(how, signals);
  if (calls().sigprocmask(operation, set, scratchAddress() + SIGSET.sizeof) !== 0) throw failedCall("sigprocmask");
  return readSignalSet(SIGSET.sizeof);
}

/**
 * `int sigpending(sigset_t *set)` — The signals that wait, for this thread or the process, because this thread blocks them.
 *
 * @see https://man7.org/linux/man-pages/man2/sigpending.2.html
 */
export function sigpending(): number[] {
  if (calls().sigpending(scratchAddress()) !== 0) throw failedCall("sigpending");
  return readSignalSet(0);
}

/**
 * `int sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *timeout)` — Takes one of these signals, and blocks the
 * thread at most so long until there is one.
 *
 * @param signals that this thread has blocked
 * @param timeout milliseconds, also fractions; 0 only looks, `Infinity` waits for ever
 * @returns the signal, {@link WOULD_BLOCK} when the time is over, {@link INTERRUPTED} when another signal was handled
 * @throws {SystemError} `EINVAL` no such signal
 * @see https://man7.org/linux/man-pages/man2/sigtimedwait.2.html
 *
 * @example Send a signal to this very thread, and take it
 * ```ts
 * import { getpid, gettid, pthreadSigmask, SIGUSR1, sigtimedwait, tgkill } from "millrace/ffi";
 *
 * const before = pthreadSigmask("block", [SIGUSR1]);
 * tgkill(getpid(), gettid(), SIGUSR1);
 * const info = sigtimedwait([SIGUSR1], 0);
 * console.log(typeof info === "object" && info.signal === SIGUSR1); // true
 * pthreadSigmask("set", before);
 * ```
 */
export function sigtimedwait(
  signals: readonly number[],
  timeout: number,
): SignalInfo | typeof WOULD_BLOCK | typeof INTERRUPTED {
  checkTimeout(timeout);
  fillSignalSet(signals, 0);
  const set = scratchAddress();
  const info = set + SIGSET.sizeof;
  const signal: number = isForEver(timeout)
    ? calls().sigwaitinfo(set, info)
    : calls().sigtimedwait(set, info, interval(timeout));
  if (signal > 0) {
    return {
      signal,
      code: getMember(scratch, SIGINFO.si_code, SIGSET.sizeof),
      pid: getMember(scratch, SIGINFO.si_pid, SIGSET.sizeof),
      uid: getMember(scratch, SIGINFO.si_uid, SIGSET.sizeof),
      value: getMember(scratch, SIGINFO.si_value_sival_int, SIGSET.sizeof),
    };
  }
  const errno = lastErrno();
  if (errno === EAGAIN) return WOULD_BLOCK;
  if (errno === EINTR) return INTERRUPTED;
  throw new SystemError("sigtimedwait", errno);
}

/**
 * `int signalfd(int fd, const sigset_t *mask, int flags)` — Makes a descriptor that is readable while one of these signals waits for the
 * thread that looks, with `SFD_CLOEXEC` added to the flags. {@link readSignalfd} takes them.
 *
 * @param signals that are blocked
 * @param flags `SFD_NONBLOCK`
 * @param fd -1 for a new one, else one of this call, whose signals are replaced
 * @throws {SystemError} `EBADF` not an open descriptor
 * @throws {SystemError} `EINVAL` no such signal, an unknown flag, or a descriptor of another kind
 * @throws {SystemError} `EMFILE`, `ENFILE` the limit of open descriptors of the process, or of the system
 * @throws {SystemError} `ENODEV`, `ENOMEM` the kernel cannot make one
 * @see https://man7.org/linux/man-pages/man2/signalfd.2.html
 */
export function signalfd(signals: readonly number[], flags = 0, fd = -1): number {
  checkInt32("flags", flags);
  checkInt32("fd", fd);
  fillSignalSet(signals, 0);
  const made: number = calls().signalfd(fd, scratchAddress(), flags | SFD_CLOEXEC);
  if (made < 0) throw failedCall("signalfd");
  return made;
}

/**
 * `read` from a descriptor of {@link signalfd}: takes a signal that waits for this thread or for the process, and blocks the thread
 * while there is none, unless it has `SFD_NONBLOCK`.
 *
 * @returns the signal, or {@link WOULD_BLOCK}
 * @throws {SystemError} `EBADF` not a descriptor open for reading
 * @throws {SystemError} `EINVAL`, `EIO`, `EISDIR` not a signalfd
 * @see https://man7.org/linux/man-pages/man2/signalfd.2.html
 */
export function readSignalfd(fd: number): SignalInfo | typeof WOULD_BLOCK {
  const count = read(fd, new Uint8Array(scratch.buffer, 0, SIGNALFD_SIGINFO.sizeof));
  if (count < 0) return WOULD_BLOCK;
  return {
    signal: getMember(scratch, SIGNALFD_SIGINFO.ssi_signo),
    code: getMember(scratch, SIGNALFD_SIGINFO.ssi_code),
    pid: getMember(scratch, SIGNALFD_SIGINFO.ssi_pid),
    uid: getMember(scratch, SIGNALFD_SIGINFO.ssi_uid),
    value: getMember(scratch, SIGNALFD_SIGINFO.ssi_int),
  };
}

const OPERATIONS: Readonly<Record<string, number>> = {
  block: SIG_BLOCK,
  unblock: SIG_UNBLOCK,
  set: SIG_SETMASK,
};

/** The first two arguments of the calls that change a mask; without `how` nothing changes. */
function maskArguments(
  how: "block" | "unblock" | "set" | undefined,
  signals: readonly number[],
): [operation: number, set: number] {
  if (how === undefined) return [0, 0];
  const operation = OPERATIONS[how];
  if (operation === undefined)
    throw new TypeError(`how is ${JSON.stringify(how)}, but must be "block", "unblock" or "set"`);
  fillSignalSet(signals, 0);
  return [operation, scratchAddress()];
}
