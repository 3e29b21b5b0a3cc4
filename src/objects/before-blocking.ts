import { BlockingSignals } from "./blocking-signals.ts";

/**
 * To be called directly before a call that blocks the thread, when a try has shown that it will: until the thread is free again, SIGINT,
 * SIGTERM and SIGHUP end the process at once, unless the program listens for them. Without it our own listeners would hold them back.
 *
 * Costs nothing in a process that owns no object, and some system calls at the first time after the thread was free.
 */
export function beforeBlocking(): void {
  BlockingSignals.current?.yield();
}
