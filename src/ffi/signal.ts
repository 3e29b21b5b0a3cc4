import { IpcError } from "../errors.ts";
import { SIG_DFL, SIG_IGN, SIGACTION, SYS_tgkill } from "./abi/current.ts";
import { lazyBind } from "./bind.ts";
import { cString } from "./c-string.ts";
import { checkInt32 } from "./check.ts";
import { scratch, scratchAddress } from "./scratch.ts";
import { clear, getMember, setMember } from "./struct.ts";
import { failedCall } from "./system-error.ts";

const calls = lazyBind({
  kill: { parameters: ["i32", "i32"], result: "i32" },
  syscall: { parameters: ["i64", "i32", "i32", "i32"], result: "i32" },
  sigaction: { parameters: ["i32", "pointer", "pointer"], result: "i32" },
  dlsym: { parameters: ["pointer", "buffer"], result: "pointer" },
});

/** What a signal does to the process. `"interrupt"`: nothing but end a blocked call. `"handler"`: some function runs. */
export type SignalAction = "default" | "ignore" | "interrupt" | "handler";

/**
 * `int kill(pid_t pid, int sig)` — Sends a signal to a process, or, with signal 0, only finds out whether one may.
 *
 * @param pid as in C, 0 and negative numbers mean groups of processes
 * @param signal such as `SIGTERM`; 0 sends nothing
 * @throws {SystemError} `EINVAL` no such signal
 * @throws {SystemError} `EPERM` another user's process
 * @throws {SystemError} `ESRCH` no such process; one that ended but was not waited for still exists
 * @see https://man7.org/linux/man-pages/man2/kill.2.html
 */
export function kill(pid: number, signal: number): void {
  checkInt32("pid", pid);
  checkInt32("signal", signal);
  if (calls().kill(pid, signal) !== 0) throw failedCall("kill");
}

/**
 * `int tgkill(pid_t tgid, pid_t tid, int sig)` — Sends a signal to one thread.
 *
 * @param tgid the process
 * @param tid the thread, as {@link gettid} says inside of it
 * @throws {SystemError} `EAGAIN` too many queued signals
 * @throws {SystemError} `EINVAL` no such signal, or not a positive id
 * @throws {SystemError} `EPERM` another user's process
 * @throws {SystemError} `ESRCH` no such thread in that process
 * @see https://man7.org/linux/man-pages/man2/tgkill.2.html
 */
export function tgkill(tgid: number, tid: number, signal: number): void {
  checkInt32("tgid", tgid);
  checkInt32("tid", tid);
  checkInt32("signal", signal);
  if (calls().syscall(SYS_tgkill, tgid, tid, signal) !== 0) throw failedCall("tgkill");
}

/**
 * `int sigaction(int signum, const struct sigaction *act, struct sigaction *oldact)` — Says, and if asked sets, what a signal does to
 * the whole process.
 *
 * @param action `"default"`, `"ignore"`, or `"interrupt"`: a handler that does nothing, installed without `SA_RESTART`, so that
 * the signal makes a blocked call of the thread that gets it fail with `EINTR`. It replaces a handler of the runtime's
 * @returns what the signal did before
 * @throws {SystemError} `EINVAL` no such signal, or setting that of `SIGKILL` or `SIGSTOP`
 * @see https://man7.org/linux/man-pages/man2/sigaction.2.html
 */
export function sigaction(signal: number, action?: "default" | "ignore" | "interrupt"): SignalAction {
  checkInt32("signal", signal);
  const handler = action === undefined ? undefined : handlerAddress(action);
  const next = scratchAddress();
  const previous = next + SIGACTION.sizeof;
  if (handler !== undefined) {
    clear(scratch, SIGACTION.sizeof);
    setMember(scratch, SIGACTION.sa_handler, handler);
  }
  if (calls().sigaction(signal, handler === undefined ? 0 : next, previous) !== 0) throw failedCall("sigaction");
  const before = getMember(scratch, SIGACTION.sa_handler, SIGACTION.sizeof);
  if (before === SIG_DFL) return "default";
  if (before === SIG_IGN) return "ignore";
  return before === handlerAddress("interrupt") ? "interrupt" : "handler";
}

/** All that the kernel knows of what a signal does: the handler, its flags, and the signals that it blocks while it runs. */
export interface SavedSigaction {
  /** Its number. */
  readonly signal: number;
  /** Native address of the handler; `SIG_DFL` or `SIG_IGN` when there is none. */
  readonly handler: number;
  /** A copy of the C library's `struct sigaction`. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/**
 * `int sigaction(int signum, NULL, struct sigaction *oldact)` — Copies the whole of what a signal does, for {@link restoreSigaction}.
 *
 * @throws {SystemError} `EINVAL` no such signal
 * @see https://man7.org/linux/man-pages/man2/sigaction.2.html
 */
export function saveSigaction(signal: number): SavedSigaction {
  checkInt32("signal", signal);
  if (calls().sigaction(signal, 0, scratchAddress()) !== 0) throw failedCall("sigaction");
  const bytes = new Uint8Array(scratch.buffer.slice(0, SIGACTION.sizeof));
  return { signal, handler: getMember(scratch, SIGACTION.sa_handler), bytes };
}

/**
 * `int sigaction(int signum, const struct sigaction *act, NULL)` — Has a signal do again what it did when it was saved. The handler must
 * still be there: one of the runtime's is for as long as the runtime listens for the signal.
 *
 * @throws {SystemError} `EINVAL` setting that of `SIGKILL` or `SIGSTOP`
 * @see https://man7.org/linux/man-pages/man2/sigaction.2.html
 */
export function restoreSigaction({ signal, bytes }: SavedSigaction): void {
  checkInt32("signal", signal);
  if (!(bytes instanceof Uint8Array) || bytes.length !== SIGACTION.sizeof) {
    throw new TypeError("What is restored must be what saveSigaction gave");
  }
  new Uint8Array(scratch.buffer).set(bytes);
  if (calls().sigaction(signal, scratchAddress(), 0) !== 0) throw failedCall("sigaction");
}

function handlerAddress(action: "default" | "ignore" | "interrupt"): number {
  if (action === "default") return SIG_DFL;
  if (action === "ignore") return SIG_IGN;
  if (action !== "interrupt") {
    throw new TypeError(`action is ${JSON.stringify(action)}, but must be "default", "ignore" or "interrupt"`);
  }
  // abs(3) takes the int that a handler gets, has no side effect, and is never unloaded
  const address: number = calls().dlsym(0, cString("abs"));
  if (address === 0) throw new IpcError("IPC_UNSUPPORTED", "The C library does not give the address of abs");
  return address;
}
