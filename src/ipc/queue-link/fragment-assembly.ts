import { IpcError } from "../../errors.ts";
import { FRAGMENT_HEADER_BYTES, type FragmentHeader, readFragmentHeader } from "./fragment-format.ts";

/** Puts the fragments of messages together again. It allocates what has arrived, never what a header promises. */
export class FragmentAssembly {
  readonly #address: string;
  readonly #maxMessageBytes: number;
  #parts: Uint8Array[] = [];
  #length = 0;
  #sequence = 0;
  /** Index of the fragment that has to come; 0 between messages. */
  #next = 0;
  /** The rest of a message is passed over: one that is too long, or one that somebody else took the beginning of. */
  #skipping = true;

  constructor(address: string, maxMessageBytes: number) {
    this.#address = address;
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** A message has begun and not ended. */
  get inMessage(): boolean {
    return this.#next !== 0;
  }

  /**
   * Takes a kernel message.
   *
   * @param fragment header and payload; the caller may use its memory again afterwards
   * @returns the message when this was its last fragment
   * @throws {IpcError} `IPC_TOO_LARGE` when the message is longer than allowed, whose rest is passed over; `IPC_CORRUPT` when it is no
   *   fragment, or not the one that has to come
   */
  add(fragment: Uint8Array): Uint8Array | undefined {
    const header = readFragmentHeader(fragment);
    if (header === undefined) throw this.#notOne(fragment.length);
    if (header.index === 0) this.#begin(header.sequence);
    else if (this.#skipping) return undefined;
    else if (header.index !== this.#next || header.sequence !== this.#sequence) throw this.#missing(header);
    const payload = fragment.slice(FRAGMENT_HEADER_BYTES);
    this.#length += payload.length;
    if (this.#length > this.#maxMessageBytes) throw this.#tooLarge();
    this.#parts.push(payload);
    this.#next++;
    return header.last ? this.#take() : undefined;
  }

  /** Forgets a message that has begun. */
  discard(): void {
    this.#parts = [];
    this.#length = 0;
    this.#next = 0;
  }

  #begin(sequence: number): void {
    this.discard();
    this.#skipping = false;
    this.#sequence = sequence;
  }

  #take(): Uint8Array {
    const [first] = this.#parts;
    let message = first as Uint8Array;
    if (this.#parts.length > 1) {
      message = new Uint8Array(this.#length);
      let at = 0;
      for (const part of this.#parts) {
        message.set(part, at);
        at += part.length;
      }
    }
    this.discard();
    return message;
  }

  #tooLarge(): IpcError {
    const length = this.#length;
    this.discard();
    this.#skipping = true;
    return new IpcError(
      "IPC_TOO_LARGE",
      `A message of more than ${length - 1} bytes came from ${this.#address}, but maxMessageBytes is ${this.#maxMessageBytes}. Open it with a larger maxMessageBytes`,
    );
  }

  #notOne(length: number): IpcError {
    this.discard();
    return new IpcError(
      "IPC_CORRUPT",
      `A message of ${length} bytes came from ${this.#address} that is no fragment. Open both ends with { fragments: true }, or neither`,
    );
  }

  #missing(header: FragmentHeader): IpcError {
    const expected =
      this.#next === 0 ? "the first of a message" : `fragment ${this.#next} of message ${this.#sequence}`;
    this.discard();
    this.#skipping = true;
    return new IpcError(
      "IPC_CORRUPT",
      `Fragment ${header.index} of message ${header.sequence} came from ${this.#address}, but ${expected} had to come. Does another program take messages from this queue?`,
    );
  }
}
