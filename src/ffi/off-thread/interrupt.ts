import { IpcError } from "../../errors.ts";
import { CLOCK_MONOTONIC, ITIMERSPEC, SIG_UNBLOCK, SIGEV_THREAD_ID, SIGEVENT, SIGSET } from "../abi/current.ts";
import { lazyBind } from "../bind.ts";
import { gettid } from "../ids.ts";
import { sigaction } from "../signal.ts";
import { setMember } from "../struct.ts";
import { failedCall } from "../system-error.ts";

const calls = lazyBind({
  pthread_sigmask: { parameters: ["i32", "buffer", "pointer"], result: "i32" },
});

const timerCalls = lazyBind({
  timer_create: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  timer_settime: { parameters: ["pointer", "i32", "buffer", "pointer"], result: "i32" },
  timer_delete: { parameters: ["pointer"], result: "i32" },
});

/**
 * The real-time signals that may serve to interrupt a blocked call; the first that nobody uses is taken. Not 32 and 33, which glibc
 * keeps for itself, nor 34, which musl and .NET use, nor 64, which valgrind uses; systemd's are sent to process 1 only. JavaScriptCore
 * stops threads for its garbage collector with SIGPWR and SIGSYS in Bun, SIGUSR1 elsewhere, V8 profiles with SIGPROF and Node's
 * debugger listens to SIGUSR1: none of those is a real-time signal.
 */
const FIRST_SIGNAL = 44;
const LAST_SIGNAL = 60;

/**
 * A signal with a handler that does nothing, for `tgkill` to end a blocked call of a thread with `EINTR`. A signal that has another
 * handler, or is ignored, stays as it is. Ask again before each use: should somebody have reset the signal meanwhile, sending it would end
 * the process.
 *
 * @throws {IpcError} `IPC_LIMIT` when all the signals are in use
 */
export function interruptSignal(): number {
  for (let signal = FIRST_SIGNAL; signal <= LAST_SIGNAL; signal++) {
    const action = sigaction(signal);
    if (action === "default") sigaction(signal, "interrupt");
    if (action === "default" || action === "interrupt") return signal;
  }
  throw new IpcError(
    "IPC_LIMIT",
    `Cannot interrupt a blocked call: the signals ${FIRST_SIGNAL} to ${LAST_SIGNAL} all have handlers, but one must be free`,
  );
}

/** Lets the signals of {@link interruptSignal} reach this thread, whatever signal mask the process was started with. */
export function allowInterrupt(): void {
  const set = new DataView(new ArrayBuffer(SIGSET.sizeof));
  let mask = 0n;
  for (let signal = FIRST_SIGNAL; signal <= LAST_SIGNAL; signal++) mask |= 1n << BigInt(signal - 1);
  set.setBigUint64(0, mask, true);
  calls().pthread_sigmask(SIG_UNBLOCK, set, 0);
}

/**
 * Has this thread interrupted again and again.
 *
 * @param milliseconds time from one interruption to the next
 * @returns ends that
 * @throws {SystemError} `EAGAIN`, `ENOMEM` the system has no timer left
 * @see https://man7.org/linux/man-pages/man2/timer_create.2.html
 */
export function interruptEvery(milliseconds: number): () => void {
  const event = new DataView(new ArrayBuffer(SIGEVENT.sizeof));
  setMember(event, SIGEVENT.sigev_notify, SIGEV_THREAD_ID);
  setMember(event, SIGEVENT.sigev_signo, interruptSignal());
  setMember(event, SIGEVENT._sigev_un__tid, gettid());
  const timer = new BigUint64Array(1);
  if (timerCalls().timer_create(CLOCK_MONOTONIC, event, timer) !== 0) throw failedCall("timer_create");
  const id = Number(timer[0]);
  const times = new DataView(new ArrayBuffer(ITIMERSPEC.sizeof));
  for (const { tv_sec, tv_nsec } of [
    { tv_sec: ITIMERSPEC.it_value_tv_sec, tv_nsec: ITIMERSPEC.it_value_tv_nsec },
    { tv_sec: ITIMERSPEC.it_interval_tv_sec, tv_nsec: ITIMERSPEC.it_interval_tv_nsec },
  ]) {
    setMember(times, tv_sec, Math.floor(milliseconds / 1000));
    setMember(times, tv_nsec, (milliseconds % 1000) * 1e6);
  }
  timerCalls().timer_settime(id, 0, times, 0);
  return () => timerCalls().timer_delete(id);
}
