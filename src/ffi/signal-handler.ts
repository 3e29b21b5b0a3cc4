import process from "node:process";
import { IpcError } from "../errors.ts";
import { runtime } from "../runtime.ts";
import {
  _SC_PAGESIZE,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  MEMBARRIER_CMD_PRIVATE_EXPEDITED,
  MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
  SA_ONSTACK,
  SA_RESTART,
  SA_SIGINFO,
  SIG_DFL,
  SIG_IGN,
  SIGACTION,
  SIGBUS,
  SIGCHLD,
  SIGFPE,
  SIGILL,
  SIGSEGV,
  SIGSET,
  SIGTRAP,
} from "./abi/current.ts";
import { lazyBind } from "./bind.ts";
import { checkInt32 } from "./check.ts";
import { membarrier } from "./membarrier.ts";
import { mmap, mprotect } from "./mmap.ts";
import { readNative, writeNative } from "./native-memory.ts";
import { scratch, scratchAddress } from "./scratch.ts";
import { DATA_BYTES, FD_AT, LOST_AT, NEXT_AT, RUNNING_AT, signalCode } from "./signal-code.ts";
import { fillSignalSet, sigrtmax, sigrtmin } from "./signal-set.ts";
import { getMember, setMember } from "./struct.ts";
import { sysconf } from "./sysconf.ts";
import { failedCall } from "./system-error.ts";

/**
 * A real signal handler, made of machine code (see `signal-code.ts`), in memory of its own: a page that holds the code, and one that
 * holds its data. The code is written once, into fresh memory, and made executable afterwards; it is never both writable and
 * executable, and never changes. So no processor can have an old copy of it: when the kernel makes a fresh page executable it brings
 * what was written to where instructions are fetched from, on arm64 too (`__sync_icache_dcache` of `set_pte`), and every run of
 * the handler begins with a return from the kernel, which is what makes a processor fetch anew.
 *
 * The memory is never given back. Another handler that was installed over this one may know its address, and a thread may still be on
 * its last instructions.
 */

const calls = lazyBind({
  sigaction: { parameters: ["i32", "pointer", "pointer"], result: "i32" },
  sched_yield: { parameters: [], result: "i32" },
});

/** A handler from {@link installSignalPipe}. */
export interface SignalPipe {
  /** How many signals were lost because the pipe was full. */
  lost(): number;
  /**
   * Takes the handler away, for good: what the signal did before is restored, unless somebody has installed another handler meanwhile,
   * which stays. Signals that were sent before, and that no thread has taken yet, are dropped where they would do now what no handler
   * prevents, such as end the process.
   *
   * @returns whether no thread uses the descriptor any more, so that it may be closed; only a system without membarrier(2) cannot tell
   */
  remove(): boolean;
}

/** A listener for the signal in the runtime's own way, which is there while our handler is, so that the runtime does not take ours away. */
export interface RuntimeListener {
  /**
   * Adds it, before our handler is installed.
   *
   * @param hasHandler whether the signal has a handler already
   * @returns whether the runtime had listeners before
   */
  add(hasHandler: boolean): boolean;
  /** Whether the runtime takes its handler away when the listener goes. */
  isLast(): boolean;
  remove(): void;
}

const NO_LISTENER: RuntimeListener = { add: () => false, isLast: () => false, remove() {} };

/**
 * Installs a signal handler, for the whole process, that writes the `siginfo_t` of each signal to a descriptor and then goes on with the
 * handler that was there before, if there was one. Blocked calls are restarted (`SA_RESTART`).
 *
 * @param signal not one that a faulty instruction raises
 * @param fd the write end of a pipe, with `O_NONBLOCK`; it must stay open until `remove` said that it is not in use
 * @param listener comes and goes with the handler
 * @throws {SystemError} `EINVAL` no such signal, or `SIGKILL` or `SIGSTOP`
 * @throws {SystemError} `ENOMEM` no memory for the handler
 * @throws {IpcError} `IPC_UNSUPPORTED` the system forbids code that a process writes for itself, or an architecture without such code
 * @see https://man7.org/linux/man-pages/man2/sigaction.2.html
 */
export function installSignalPipe(signal: number, fd: number, listener: RuntimeListener = NO_LISTENER): SignalPipe {
  checkInt32("signal", signal);
  checkInt32("fd", fd);
  const exact = canSynchronize();
  const original = exchange(signal);
  const handler = retired.get(signal) ?? makeHandler();
  retired.delete(signal);
  const hadListeners = listener.add(nextOf(original) !== 0);
  setWord(handler.data + LOST_AT, 0);
  const before = exchange(signal);
  setNext(handler, before);
  setWord(handler.data + FD_AT, fd);
  const replaced = exchange(signal, actionOf(handler));
  // another thread may have come in between
  if (handlerOf(replaced) !== handlerOf(before)) setNext(handler, replaced);
  let removed = false;
  return {
    lost: () => getWord(handler.data + LOST_AT),
    remove() {
      if (removed) return exact;
      removed = true;
      if (handlerOf(exchange(signal)) === handler.code) {
        restore(signal, { original, replaced, hadListeners }, listener);
        retired.set(signal, handler);
      } else {
        listener.remove();
      }
      setWord(handler.data + FD_AT, -1);
      return exact && settle(handler);
    },
  };
}

interface Actions {
  /** What was there before the runtime's listener. */
  readonly original: DataView<ArrayBuffer>;
  /** What was there after it, and before our handler. */
  readonly replaced: DataView<ArrayBuffer>;
  readonly hadListeners: boolean;
}

/**
 * Puts back what was there, and takes the listener away. A signal that was sent while our handler was there, and is still pending, would
 * find the default action, and most end the process by default. So the signal is ignored for a moment, which has the kernel drop what is
 * pending, on all threads. Not SIGCHLD, which does nothing by default: while it is ignored, children vanish with their status.
 */
function restore(signal: number, { original, replaced, hadListeners }: Actions, listener: RuntimeListener): void {
  const isRuntimes = hadListeners || handlerOf(original) !== handlerOf(replaced);
  if (signal === SIGCHLD || !isRuntimes || !listener.isLast()) {
    if (signal !== SIGCHLD && handlerOf(replaced) === SIG_DFL) exchange(signal, plainAction(SIG_IGN));
    exchange(signal, replaced);
    listener.remove();
    return;
  }
  exchange(signal, plainAction(SIG_IGN));
  listener.remove();
  // Node sets the default action, unless it needs its handler for something else
  const isInUse = runtime === "node" && handlerOf(exchange(signal)) === SIG_IGN;
  // where the program listened before us, but no longer, the signal does what it does without listeners
  const withoutListeners = hadListeners ? plainAction(SIG_DFL) : original;
  exchange(signal, isInUse ? replaced : withoutListeners);
}

function plainAction(handler: number): DataView<ArrayBuffer> {
  const action = new DataView(new ArrayBuffer(STRUCT_BYTES));
  setMember(action, SIGACTION.sa_handler, handler);
  return action;
}

interface Handler {
  readonly code: number;
  readonly data: number;
}

/** Handlers that nothing refers to, for the next use with the same signal: threads may still be on their last instructions. */
const retired = new Map<number, Handler>();

function makeHandler(): Handler {
  const page = sysconf(_SC_PAGESIZE);
  const code = mmap(0, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const data = code + page;
  const bytes = signalCode(process.arch, data);
  if (bytes === undefined) {
    throw new IpcError(
      "IPC_UNSUPPORTED",
      `Cannot receive signals on ${process.arch}: there is a handler for x64 and arm64`,
    );
  }
  writeNative(code, bytes, bytes.byteLength);
  writeNative(data, new Uint8Array(DATA_BYTES), DATA_BYTES);
  try {
    mprotect(code, page, PROT_READ | PROT_EXEC);
  } catch (error) {
    throw new IpcError(
      "IPC_UNSUPPORTED",
      `Cannot receive signals: the system forbids executable memory that a process writes itself: ${(error as Error).message}`,
      { cause: error },
    );
  }
  return { code, data };
}

/**
 * The `struct sigaction` for a handler. It blocks all signals while it runs, and the one that it goes on with: each that came in between
 * would take thousands of bytes more of the runtime's stack for signals, which has room for few. Not those that a faulty instruction
 * raises, nor those of the C library, whose own sigfillset leaves them out.
 */
function actionOf({ code }: Handler): DataView<ArrayBuffer> {
  const others = Array.from({ length: sigrtmax() }, (_, index) => index + 1).filter(
    (signal) => !FAULTS.has(signal) && (signal <= LAST_STANDARD || signal >= sigrtmin()),
  );
  fillSignalSet(others, 0);
  const mask = new Uint8Array(scratch.buffer.slice(0, SIGSET.sizeof));
  const action = plainAction(code);
  new Uint8Array(action.buffer).set(mask, SIGACTION.sa_mask.offset);
  setMember(action, SIGACTION.sa_flags, SA_SIGINFO | SA_RESTART | SA_ONSTACK);
  return action;
}

const LAST_STANDARD = 31;
const FAULTS: ReadonlySet<number> = new Set([SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP]);

/** sigaction(2): gives what was there, and puts `action` there. */
function exchange(signal: number, action?: DataView<ArrayBuffer>): DataView<ArrayBuffer> {
  const before = new DataView(new ArrayBuffer(STRUCT_BYTES));
  if (action !== undefined) new Uint8Array(scratch.buffer).set(new Uint8Array(action.buffer));
  const address = scratchAddress();
  if (calls().sigaction(signal, action === undefined ? 0 : address, address + STRUCT_BYTES) !== 0)
    throw failedCall("sigaction");
  new Uint8Array(before.buffer).set(new Uint8Array(scratch.buffer, STRUCT_BYTES, STRUCT_BYTES));
  return before;
}

const STRUCT_BYTES: number = SIGACTION.sizeof;

function handlerOf(action: DataView): number {
  return getMember(action, SIGACTION.sa_handler);
}

/** The function to go on with: SIG_DFL (0) and SIG_IGN are none. */
function nextOf(action: DataView): number {
  const handler = handlerOf(action);
  return handler === SIG_IGN ? 0 : handler;
}

function setNext({ data }: Handler, action: DataView): void {
  const word = new BigUint64Array([BigInt(nextOf(action))]);
  // no thread sees half of it
  writeNative(data + NEXT_AT, word, word.byteLength);
}

function setWord(address: number, value: number): void {
  writeNative(address, new Int32Array([value]), 4);
}

function getWord(address: number): number {
  const word = new Int32Array(1);
  readNative(word, address, 4);
  return word[0] ?? 0;
}

/**
 * Waits until no thread uses the old descriptor. The handler counts itself before it reads the descriptor. After the barrier, which all
 * threads pass, a handler has either been counted, where the loop below sees it, or it reads the -1 that was stored before.
 */
function settle({ data }: Handler): boolean {
  membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
  while (getWord(data + RUNNING_AT) !== 0) calls().sched_yield();
  return true;
}

let synchronizes: boolean | undefined;

function canSynchronize(): boolean {
  if (synchronizes === undefined) {
    try {
      membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
      synchronizes = true;
    } catch {
      synchronizes = false;
    }
  }
  return synchronizes;
}
