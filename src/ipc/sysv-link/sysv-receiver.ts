import { IpcError } from "../../errors.ts";
import { MSG_TEXT_OFFSET } from "../../ffi/msg.ts";
import type { BlockingOutcome } from "../../ffi/off-thread/blocking-caller.ts";
import type { Direction, Link } from "../link.ts";
import type { PeerState } from "../presence.ts";
import type { AttachedQueue } from "./attach-queue.ts";
import { FragmentAssembly } from "./fragment-assembly.ts";
import { kernelMessageLimit } from "./message-limit.ts";
import { SysvEnd } from "./sysv-end.ts";

/** What a receiver takes. */
export interface SysvReceiverOptions {
  /** As `msgtyp` of msgrcv(2). */
  readonly type: number;
  readonly fragments: boolean;
  readonly maxMessageBytes: number;
}

/** The receiving end of a queue as a `Link`. */
export class SysvReceiver extends SysvEnd implements Link {
  readonly side = "receiver";
  readonly maxMessageBytes = Number.POSITIVE_INFINITY;
  readonly #type: number;
  readonly #longest: number;
  readonly #assembly: FragmentAssembly | undefined;
  readonly #forgottenSessions: number;
  /** A `struct msgbuf` with room for the longest message. */
  #buffer = new Uint8Array(MSG_TEXT_OFFSET + kernelMessageLimit());
  /** A `struct msgbuf` without room. Waiting for a message with it takes none, except for an empty one. */
  readonly #noRoom = new Uint8Array(new SharedArrayBuffer(MSG_TEXT_OFFSET));
  #holdsEmpty = false;
  #ended = false;

  constructor(attached: AttachedQueue, { type, fragments, maxMessageBytes }: SysvReceiverOptions) {
    super(attached);
    this.#type = type;
    this.#longest = maxMessageBytes;
    this.#assembly = fragments ? new FragmentAssembly(this.address, maxMessageBytes) : undefined;
    this.#forgottenSessions = attached.senderIsHistory ? this.presence.peerSessions : -1;
  }

  tryWrite(): never {
    throw new TypeError(`${this.address} is open for receiving`);
  }

  flush(): boolean {
    return true;
  }

  keepRest(): void {}

  retract(): boolean {
    return true;
  }

  tryRead(): Uint8Array | undefined | null {
    if (this.#ended) return null;
    this.settle();
    const message = this.#next();
    if (message !== undefined) return message;
    const state = this.#senderState();
    if (state === "none" || state === "attached") return undefined;
    // what the sender sent between the two looks, and nothing after them
    return this.#next() ?? this.#end(state);
  }

  async ready(_direction: Direction, signal: AbortSignal | undefined): Promise<void> {
    if (this.#isReady) return;
    await this.wait("msgrcv", [this.queue.id, this.#noRoom, 0, this.#type, 0], signal);
  }

  readySync(_direction: Direction, timeout: number): boolean {
    return this.#isReady || this.waitSync("msgrcv", [this.queue.id, this.#noRoom, 0, this.#type, 0], timeout);
  }

  protected override settled({ result }: BlockingOutcome): void {
    // a longer message, for which there was no room, is E2BIG and still in the queue
    if (result === 0) this.#holdsEmpty = true;
  }

  /** An empty message that nobody has asked for goes back, with its type. */
  protected override beforeDetach(): void {
    if (!this.#holdsEmpty) return;
    this.#holdsEmpty = false;
    this.queue.trySend(this.#noRoom, 0);
  }

  get #isReady(): boolean {
    return !this.isOpen || this.#ended || this.#holdsEmpty;
  }

  /** What the millrace end at the other side is doing, unless it left long ago and foreign programs have used the queue since. */
  #senderState(): PeerState {
    const state = this.presence.peerState();
    return state === "closed" && this.presence.peerSessions === this.#forgottenSessions ? "none" : state;
  }

  #next(): Uint8Array | undefined {
    for (;;) {
      const bytes = this.#take();
      if (bytes === undefined) return undefined;
      if (this.#assembly === undefined) {
        if (bytes.length > this.#longest) throw this.#tooLong(bytes.length);
        return bytes.slice();
      }
      const message = this.#assembly.add(bytes);
      if (message !== undefined) return message;
    }
  }

  /** The next kernel message, in memory that is used again for the one after. */
  #take(): Uint8Array | undefined {
    if (this.#holdsEmpty) {
      this.#holdsEmpty = false;
      return this.#buffer.subarray(0, 0);
    }
    let bytes = this.queue.tryReceive(this.#buffer, this.#type);
    while (bytes === "too long") {
      // the kernel's limit was raised since
      const room = Math.max(2 * this.#buffer.length, kernelMessageLimit());
      this.#buffer = new Uint8Array(MSG_TEXT_OFFSET + room);
      bytes = this.queue.tryReceive(this.#buffer, this.#type);
    }
    return bytes;
  }

  /** Called when the sender has left and everything is read. */
  #end(state: PeerState): null {
    this.#ended = true;
    const partial = this.#assembly?.inMessage ? ", in the middle of a message" : "";
    this.#assembly?.discard();
    if (state !== "dead") return null;
    throw new IpcError(
      "IPC_PEER_GONE",
      `The sender of ${this.address}, process ${this.presence.peerPid}, died without closing${partial}. All that it had sent was received`,
    );
  }

  #tooLong(length: number): IpcError {
    return new IpcError(
      "IPC_TOO_LARGE",
      `A message of ${length} bytes came from ${this.address}, but maxMessageBytes is ${this.#longest}. Open it with a larger maxMessageBytes`,
    );
  }
}
