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
