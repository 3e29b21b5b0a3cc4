/** Options of `Channel.sender` and `Channel.receiver`. An option that the kind of channel has no use for is a `TypeError`. */
export interface ChannelOptions {
  /** `ring:`, `file:`, `broadcast:`, `funnel:` room for data in bytes, rounded up to a power of two of whole pages; default 1 MiB. `pipe:`, `fifo:` the pipe's capacity; `unix:` the sender's buffer; `mq:` bytes in all messages, when the queue is made. */
  capacity?: number;
  /** `pipe:`, `fifo:`, `unix:` how messages lie in the byte stream; default `"length"`. */
  framing?: Framing;
  /** How values become bytes; default `"bytes"`. */
  codec?: "bytes" | "text" | "json" | "v8" | Codec<unknown>;
  /**
   * `broadcast:`, `file:` where a receiver begins: with the oldest message that is still there (`"oldest"`, of a `broadcast:` the default), or with
   * the next one (`"now"`). By default, a receiver of a `file:` goes on where the last one stopped.
   */
  from?: "oldest" | "now";
  /**
   * `file:` what a crash of the machine may cost: `"none"`, the default, leaves it to the kernel what is on the disk; `"close"` writes
   * everything when this end closes; `"each"` also writes each message that is sent, or each batch, before the call that sends it has done its
   * work.
   */
  durable?: "none" | "close" | "each";
  /** `broadcast:` what a receiver that missed messages does: fail once with `IPC_LAGGED` and go on (`"error"`, the default), or count them in `stats().missed` only (`"skip"`). */
  lag?: "error" | "skip";
  /** `sysv:` the message type: what a sender writes (default 1), what a receiver takes (default 0, any; negative as of msgrcv(2)). */
  type?: number;
  /** `mq:` the priority of what a sender sends, from 0 (the default) to 32767; the receiver takes the highest first. */
  priority?: number;
  /** `sysv:`, `mq:` send messages past the kernel's limit in pieces; both ends have to ask for it. */
  fragments?: boolean;
  /** The longest message that a receiver accepts, in bytes; a longer one is `IPC_TOO_LARGE`. Default 256 MiB. */
  maxMessageBytes?: number;
  /** Permission bits of what is created; default 0o600. */
  mode?: number;
  /** `fifo:` false: do not wait for the other side at opening, as with O_NONBLOCK (a sender without reader is `ENXIO`). Default true. */
  wait?: boolean;
  /** `unix:` true: take a peer that another user runs. Default false: such a peer is refused. */
  otherUsers?: boolean;
  /** Ends the opening, where opening waits. */
  signal?: AbortSignal;
  /** Longest time to open in milliseconds, where opening waits. */
  timeout?: number;
}

/** `"length"`: a 4-byte length before each message. `"lines"`: a message ends with a newline. `"raw"`: bytes as they come. */
export type Framing = "length" | "lines" | "raw";

/** Turns values into bytes and back. */
export interface Codec<Value> {
  /** @returns bytes that stay as they are until they are sent */
  encode(value: Value): Uint8Array;
  /** @param bytes memory that the codec may keep */
  decode(bytes: Uint8Array): Value;
}
