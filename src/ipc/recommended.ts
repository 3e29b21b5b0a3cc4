/** What holds where nobody chose. The one place for defaults of channels. */

/** What a name without a scheme means: `Channel.sender("frames")` opens `ring:frames`, the fastest there is. */
export const DEFAULT_SCHEME = "ring";

/** Room of a ring, in bytes. */
export const DEFAULT_CAPACITY = 1024 * 1024;

/** The longest message, in bytes, that a channel sends or accepts. It bounds what a broken peer can make a receiver allocate. */
export const DEFAULT_MAX_MESSAGE_BYTES = 256 * 1024 * 1024;

/** How messages lie in a stream of bytes. */
export const DEFAULT_FRAMING = "length";

/** Permission bits of what is created: for this user only. */
export const DEFAULT_MODE = 0o600;

/** A batch ends behind so many bytes: what is taken out of the ring next lies in the processor's cache then, and what is read of it as well. */
export const BATCH_BYTES: number = 1 << 16;

/** How many messages `sendMany` publishes, and `batches()` gives, at a time. */
export const DEFAULT_BATCH_MESSAGES = 1024;

/** How long `using` blocks the thread for what is not handed over yet, in milliseconds. */
export const DISPOSE_TIMEOUT = 5_000;
