import { IpcError } from "../../errors.ts";
import type { PeerState, Presence } from "../presence.ts";
import type { AttachedQueue, KernelQueue } from "./attach-queue.ts";
import { FragmentAssembly } from "./fragment-assembly.ts";

/** What a receiver makes of kernel messages. */
export interface ReadingOptions {
  readonly fragments: boolean;
  readonly maxMessageBytes: number;
}

/** Makes messages of what comes out of a queue, and finds its end. */
export class QueueReading {
  readonly #address: string;
  readonly #presence: Presence;
  readonly #take: () => Uint8Array | undefined;
  readonly #longest: number;
  readonly #assembly: FragmentAssembly | undefined;
  readonly #forgottenSessions: number;
  #ended = false;

  /** @param take gives the next kernel message, in memory that it may use again for the one after */
  constructor(
    { queue, presence, senderIsHistory }: AttachedQueue<KernelQueue>,
    { fragments, maxMessageBytes }: ReadingOptions,
    take: () => Uint8Array | undefined,
  ) {
    this.#address = queue.address;
    this.#presence = presence;
    this.#take = take;
    this.#longest = maxMessageBytes;
    this.#assembly = fragments ? new FragmentAssembly(queue.address, maxMessageBytes) : undefined;
    this.#forgottenSessions = senderIsHistory ? presence.peerSessions : -1;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** As `tryRead` of a link. */
  read(): Uint8Array | undefined | null {
    if (this.#ended) return null;
    const message = this.#next();
    if (message !== undefined) return message;
    const state = this.#senderState();
    if (state === "none" || state === "attached") return undefined;
    // what the sender sent between the two looks, and nothing after them
    return this.#next() ?? this.#end(state);
  }

  /** What the millrace end at the other side is doing, unless it left long ago and foreign programs have used the queue since. */
  #senderState(): PeerState {
    const state = this.#presence.peerState();
    return state === "closed" && this.#presence.peerSessions === this.#forgottenSessions ? "none" : state;
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

  /** Called when the sender has left and everything is read. */
  #end(state: PeerState): null {
    this.#ended = true;
    const partial = this.#assembly?.inMessage ? ", in the middle of a message" : "";
    this.#assembly?.discard();
    if (state !== "dead") return null;
    throw new IpcError(
      "IPC_PEER_GONE",
      `The sender of ${this.#address}, process ${this.#presence.peerPid}, died without closing${partial}. All that it had sent was received`,
    );
  }

  #tooLong(length: number): IpcError {
    return new IpcError(
      "IPC_TOO_LARGE",
      `A message of ${length} bytes came from ${this.#address}, but maxMessageBytes is ${this.#longest}. Open it with a larger maxMessageBytes`,
    );
  }
}
