import { recommendedLibrary } from "../recommended.ts";
import { BlockingCaller, type BlockingOutcome, CANCELLED } from "./blocking-caller.ts";
import { argumentCount, type BlockingFunction } from "./blocking-functions.ts";

/** An argument of a call: a number, or a view of a `SharedArrayBuffer` for a pointer to its first byte. */
export type BlockingArgument = number | ArrayBufferView<SharedArrayBuffer>;

/**
 * Calls a C function that blocks, on a thread of its own, so that this one goes on. It keeps the process alive until it is over.
 *
 * The outcome tells what C returned, and errno of that call. A call that was cancelled ends with `EINTR` and has had no effect; when it
 * came to its end before the cancellation reached it, the outcome is that of the call, which must not be lost.
 *
 * Threads are kept for further calls. At the end of the process a call that still runs is cancelled.
 *
 * @param name the function
 * @param args its arguments. Memory that C uses must be shared, since it is used by two threads; it is kept alive while the call runs,
 * and must not be touched
 * @param signal cancels the call
 * @throws {IpcError} `IPC_WORKER_CRASHED` when the thread ended by itself; nobody knows whether the call took effect
 * @throws {IpcError} `IPC_LIMIT` when every signal that could cancel a call is in use
 * @throws {IpcError} `IPC_UNSUPPORTED` when this process has no way to call C
 * @throws {TypeError} an argument that is neither a number nor a view of shared memory, or the wrong number of them
 */
export async function callBlocking(
  name: BlockingFunction,
  args: readonly BlockingArgument[],
  signal?: AbortSignal,
): Promise<BlockingOutcome> {
  const values = nativeValues(name, args);
  if (signal?.aborted) return CANCELLED;
  const caller = take(args);
  const cancel = () => caller.cancel();
  signal?.addEventListener("abort", cancel, { once: true });
  try {
    return await caller.run(name, values);
  } finally {
    signal?.removeEventListener("abort", cancel);
    give(caller);
  }
}

/** A call that was started. */
export interface BlockingCall {
  /** Resolves when the call is over, as {@link callBlocking}. */
  readonly over: Promise<BlockingOutcome>;
  /**
   * Cancels the call and blocks this thread until it is over, which takes microseconds; gives the outcome, at every call the same.
   * For callers that have to know at once whether it took effect.
   */
  settle(): BlockingOutcome;
}

/**
 * As {@link callBlocking}, for a caller that has to end the call, and to know its outcome, within one turn of the event loop.
 *
 * @throws as {@link callBlocking}
 */
export function startBlocking(name: BlockingFunction, args: readonly BlockingArgument[]): BlockingCall {
  const values = nativeValues(name, args);
  const caller = take(args);
  let outcome: BlockingOutcome | undefined;
  return { over: run(), settle };

  async function run(): Promise<BlockingOutcome> {
    try {
      outcome = await caller.run(name, values);
      return outcome;
    } finally {
      give(caller);
    }
  }

  function settle(): BlockingOutcome {
    outcome ??= caller.settleSync();
    return outcome;
  }
}

/**
 * As {@link callBlocking}, but blocks this thread too, for at most `timeout` milliseconds; then the call is cancelled.
 *
 * @param timeout milliseconds, `Infinity` for ever
 * @param descriptor cancels the call when it can be read, or has hung up
 * @throws as {@link callBlocking}
 */
export function callBlockingSync(
  name: BlockingFunction,
  args: readonly BlockingArgument[],
  timeout: number,
  descriptor?: number,
): BlockingOutcome {
  const values = nativeValues(name, args);
  const caller = take(args);
  try {
    return caller.runSync(name, values, timeout, descriptor);
  } finally {
    give(caller);
  }
}

/** How many threads without a call are kept. */
const MOST_IDLE = 4;

const idle: BlockingCaller[] = [];
/** The callers that run, with the memory that C uses meanwhile. */
const running = new Map<BlockingCaller, readonly BlockingArgument[]>();

function take(args: readonly BlockingArgument[]): BlockingCaller {
  let caller = idle.pop();
  while (caller !== undefined && !caller.isAlive) caller = idle.pop();
  caller ??= new BlockingCaller();
  running.set(caller, args);
  return caller;
}

function give(caller: BlockingCaller): void {
  running.delete(caller);
  if (!caller.isAlive) return;
  if (idle.length < MOST_IDLE) idle.push(caller);
  else caller.close();
}

function nativeValues(name: BlockingFunction, args: readonly BlockingArgument[]): number[] {
  const length = argumentCount(name);
  if (args.length !== length) throw new TypeError(`${name} was given ${args.length} arguments, but takes ${length}`);
  return args.map((value) => {
    if (typeof value === "number") return value;
    if (!ArrayBuffer.isView(value) || !(value.buffer instanceof SharedArrayBuffer)) {
      throw new TypeError(`${name} was given memory of one thread, but needs a view of a SharedArrayBuffer`);
    }
    return recommendedLibrary().address(value);
  });
}
