/**
 * The raw interface of one end of a transport. An adapter implements it; `createChannel` turns it into a `Channel` and does
 * lifecycle, validation, queueing of callers, waiting, cancellation, codecs and iteration once for all adapters.
 *
 * 1. A link is one end: a sender calls only `tryWrite`, `flush`, `keepRest`, `retract`, `cork`, `uncork`, `tryClaim`, `commit`,
 *    `abort`; a receiver only `tryRead`, `tryPeek`, `tryPeekNext`, `release`, `cork`, `uncork`. Both call `spin`, `ready`, `readySync`, `peer`, `stats`, `close`.
 * 2. No method but `ready` and `readySync` waits; `spin` looks for some microseconds.
 * 3. `tryWrite` takes a message whole or not at all, or begins it (`BEGUN`); then the link borrows the caller's bytes until `flush`
 *    returns true, or until `keepRest` has copied what is left, or `retract` took the message back. Nothing else is written meanwhile.
 *    A caller that will wait for room says so with `waits`, and the link may begin a message for which there is none yet.
 * 4. `tryRead` gives messages in the order sent, each once, in memory that is the caller's from then on.
 * 5. `tryRead` gives `null` when the stream has ended: the sender closed cleanly and everything it sent was given out. It stays `null`.
 * 6. When the sender died, `tryRead` gives out all that was published, throws `IPC_PEER_GONE` once, then gives `null`.
 * 7. Writing throws `IPC_CLOSED` when the receiver has closed and `IPC_PEER_GONE` when it died; never a signal.
 * 8. `ready` resolves when a further try may succeed or will report an end or an error. It may resolve early, never late. It uses no
 *    timer and no CPU while it waits, and keeps the process alive only while it waits. It rejects only when `signal` fires, with
 *    `signal.reason`, or when the system refuses to wait.
 * 9. `readySync` blocks the thread likewise and returns false when `timeout` milliseconds have passed (`Infinity`: never).
 * 10. `close` gives up this end at once. It releases every descriptor, mapping and lock, removes what this end has to remove,
 *     wakes the peer, and may be called in every state, also while `ready` is pending (which then resolves).
 *     What was taken by `tryWrite` and not flushed is lost by `close`; the channel flushes before it closes.
 * 11. `maxMessageBytes` is the longest message that `tryWrite` takes; longer ones are refused before it is called.
 * 12. What `supports` says is the only reason for which a contract test may be skipped.
 */
export interface Link {
  /** The address in canonical form. */
  readonly address: string;
  readonly side: Side;
  readonly supports: Supports;
  /** The longest message in bytes, or `Infinity`. */
  readonly maxMessageBytes: number;

  /** What to do about a message longer than that, to be added to the error. */
  readonly tooLargeRemedy?: string | undefined;

  /** Offers a message. `waits`: the caller goes on with `ready` when it is not taken now. */
  tryWrite(message: Uint8Array, waits?: boolean): WriteResult;
  /** Hands over what is left of a begun message and what is corked; true when nothing is left. */
  flush(): boolean;
  /** Copies what is left of a begun message, so that the caller may use its bytes again. */
  keepRest(): void;
  /** Takes a begun message back; false where that cannot be done: it will be delivered. */
  retract(): boolean;
  /** Announces the clean end, after everything taken; `flush` then delivers it, and nothing is written any more. For links whose `close` alone would look like a death. */
  end?(): void;
  /** From here to `uncork` the link may collect messages and publish them together; a receiver's may give their room back together. */
  cork(): void;
  uncork(): void;

  /** The next message, `undefined` when there is none now, `null` at the end. */
  tryRead(): Uint8Array | undefined | null;

  /** Zero-copy sending, where `supports.zeroCopy`: room for `length` bytes in the transport itself, `undefined` when full. */
  tryClaim?(length: number): Uint8Array | undefined;
  /** Publishes the first `length` bytes of the claim. */
  commit?(length: number): void;
  /** Gives the claim back. */
  abort?(): void;
  /** Zero-copy receiving: the next message in place, read-only by convention, valid until `release`. */
  tryPeek?(): Uint8Array | undefined | null;
  /** The message behind those that are peeked at, besides them; `undefined` when none is there now that can be shown together with them. */
  tryPeekNext?(): Uint8Array | undefined;
  /** Ends the use of the peeked messages, which are received with that. */
  release?(): void;

  /** Sends a copy of an open descriptor, in order with the messages, where `supports.descriptors`; false when there is no room. */
  trySendDescriptor?(fd: number): boolean;
  /**
   * The next item, if it is a descriptor; `undefined` when nothing is there, `null` at the end. A message in its place stays there, and
   * the call throws `IPC_UNSUPPORTED`; so does `tryRead` with a descriptor in the place of a message.
   */
  tryReadDescriptor?(): number | undefined | null;

  /**
   * Looks for some microseconds whether a further try may succeed, where that costs less than a wait; true when it may. It blocks the thread
   * meanwhile, as the beginning of `ready` does, which does not look again right behind it.
   */
  spin?(): boolean;
  ready(direction: Direction, signal: AbortSignal | undefined): Promise<void>;
  readySync(direction: Direction, timeout: number): boolean;

  /** What is known of the other end. */
  peer(): Peer;
  /** Counters of the transport itself; the channel adds its own. */
  stats(): LinkStats;

  close(): void;
  /** For a sender whose `close` looks like a clean end: gives up this end so that the receiver, after what was taken, gets `IPC_PEER_GONE`. An object that this end made and to which no receiver has come is removed. */
  abandon?(): void;
}

/** Which end of a channel this is. */
export type Side = "sender" | "receiver";

/** What a caller waits for. */
export type Direction = "read" | "write";

/** The message was not taken: no room now. */
export const FULL = 0;
/** The message was taken whole. */
export const TAKEN = 1;
/** The message was taken in part and is borrowed; `flush` goes on with it. */
export const BEGUN = 2;

/** What `tryWrite` says. */
export type WriteResult = typeof FULL | typeof TAKEN | typeof BEGUN;

/** What a kind of channel can do, the same for every channel of that kind and framing. */
export interface Supports {
  /** Message boundaries are kept. */
  readonly messages: boolean;
  /** A receiver learns of the clean end of its sender. */
  readonly end: boolean;
  /** A killed peer is told apart from one that closed. */
  readonly peerDeath: boolean;
  /** The same for a killed receiver, where that differs: a sender on a pipe gets `IPC_CLOSED` either way. */
  readonly receiverDeath?: boolean;
  /** A second sender (receiver) is refused with `IPC_BUSY`. */
  readonly exclusiveSender: boolean;
  readonly exclusiveReceiver: boolean;
  /** `claim`/`commit` and `peek`/`release`. */
  readonly zeroCopy: boolean;
  /** The two ends may be in different processes. */
  readonly processes: boolean;
  /** The sender may open, send, close and end before the receiver starts. */
  readonly senderFirst: boolean;
  /** The receiver may open before there is a sender. */
  readonly receiverFirst: boolean;
  /** A channel that is opened by name; others come in pairs or by descriptor. */
  readonly named: boolean;
  /** `peer` knows the process id of the other end. */
  readonly peerPid: boolean;
  /** Messages of zero bytes. */
  readonly emptyMessages: boolean;
  /** A sender waits for a receiver that does not take what was sent, and learns that it has gone; missing means true. */
  readonly backPressure?: boolean;
  /** What it holds goes when both ends have closed; missing means true. */
  readonly transient?: boolean;
  /** `sendDescriptor` and `receiveDescriptor`; missing means false. */
  readonly descriptors?: boolean;
}

/** What is known of the other end. */
export interface Peer {
  /** `undefined` while nobody was seen there, or where the transport cannot know. */
  readonly alive: boolean | undefined;
  readonly pid: number | undefined;
}

/** Counters of the transport. */
export interface LinkStats {
  /** Bytes that a receiver could read now, or that a sender has in flight, where the transport knows. */
  readonly backlogBytes: number | undefined;
  /** Room of the transport in bytes, where it knows. */
  readonly capacityBytes: number | undefined;
  /** How often this end waited because the transport was full or empty. */
  readonly stalls: number;
  /** How often this end woke its peer. */
  readonly wakes: number;
  /** `broadcast:` messages that were overwritten before this receiver had them. */
  readonly missed?: number | undefined;
}
