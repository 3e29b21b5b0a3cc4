import { SI_MESGQ, SI_QUEUE, SI_TIMER, SIGCHLD, SIGINFO } from "../../ffi/abi/current.ts";
import { getMember } from "../../ffi/struct.ts";
import { signalName } from "./signal-names.ts";

/** A signal that came. */
export interface SignalInfo {
  /** Its name, such as `"SIGUSR1"` or `"SIGRTMIN+3"`. */
  readonly signal: string;
  /** Its number. */
  readonly number: number;
  /** The process that sent it; 0 when the kernel did. Of `SIGCHLD` the child. */
  readonly pid: number;
  /** The user that sent it. */
  readonly uid: number;
  /** The number that was sent with it, from -2^31 to 2^31 - 1; 0 when there was none. */
  readonly value: number;
  /** How it was sent, `si_code` of C: 0 `kill`, -1 `sigqueue`, -6 `tgkill`, above 0 the kernel. A process can claim any below 0. */
  readonly code: number;
}

/** Reads a `siginfo_t`, whose members mean other things for other codes. */
export function readSignalInfo(view: DataView, base: number): SignalInfo {
  const number = getMember(view, SIGINFO.si_signo, base);
  const code = getMember(view, SIGINFO.si_code, base);
  const fromProcess = code <= 0 ? code !== SI_TIMER : number === SIGCHLD;
  const hasValue = code === SI_QUEUE || code === SI_MESGQ || code === SI_TIMER;
  return {
    signal: signalName(number),
    number,
    pid: fromProcess ? getMember(view, SIGINFO.si_pid, base) : 0,
    uid: fromProcess ? getMember(view, SIGINFO.si_uid, base) : 0,
    value: hasValue ? getMember(view, SIGINFO.si_value_sival_int, base) : 0,
    code,
  };
}
