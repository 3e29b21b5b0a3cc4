/** What a call returns instead of a count when it would have to wait (`EAGAIN`, or `ENOMSG` of an empty message queue). */
export const WOULD_BLOCK = -1;

/** What a call that may wait for ever returns when a signal handler ran meanwhile (`EINTR`). */
export const INTERRUPTED = -2;

/** What a call that waits for a limited time returns when that is over (`ETIMEDOUT`). */
export const TIMED_OUT = -3;
