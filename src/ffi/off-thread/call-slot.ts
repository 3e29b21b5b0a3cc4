/**
 * Where a thread that calls and a thread that blocks for it meet: a `SharedArrayBuffer` for one call at a time.
 *
 * ```
 *   word 0  state: see below; both sleep on it
 *   word 1  cancel: not 0 when the call shall end. The caller writes it.
 *   word 2  thread id of the blocking thread, which writes it; 0 before its start and after its end
 *   word 3  index of the function. The caller writes it.
 *   word 4  errno, 0 after success. The blocking thread writes it.
 *   word 5  an eventfd that the blocking thread counts up before it says DONE, -1 for none. The caller writes it.
 *   byte 24 result, a double. The blocking thread writes it.
 *   byte 32 arguments, doubles. The caller writes them.
 *
 *   IDLE -> REQUESTED -> RUNNING -> DONE -> IDLE      caller, blocking thread, blocking thread, caller
 *           REQUESTED -> IDLE                         caller: withdrawn before it began
 *   any  -> STOPPED                                   caller: the blocking thread shall end
 *   any  -> CRASHED                                   either: the blocking thread has ended by itself
 * ```
 *
 * The store of the state publishes what was written before it.
 */
export const STATE = 0;
export const CANCEL = 1;
export const THREAD = 2;
export const FUNCTION = 3;
export const ERRNO = 4;
export const DONE_FD = 5;

/** Indices of doubles. */
export const RESULT = 3;
export const ARGUMENTS = 4;

export const MOST_ARGUMENTS = 8;
export const SLOT_BYTES: number = 8 * (ARGUMENTS + MOST_ARGUMENTS);

export const IDLE = 0;
export const REQUESTED = 1;
export const RUNNING = 2;
export const DONE = 3;
export const STOPPED = 4;
export const CRASHED = 5;

/** What a blocking thread is started with. */
export interface BlockingThreadData {
  readonly slot: SharedArrayBuffer;
  /** How often to leave C for a moment while a call blocks, in milliseconds. */
  readonly lookUpEvery: number;
}
