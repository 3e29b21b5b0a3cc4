import { FRAGMENT_HEADER_BYTES, writeFragmentHeader } from "./fragment-format.ts";

/** A message on its way into a queue, whole or in fragments: lays one kernel message after the other into a buffer. */
export class Pieces {
  readonly #buffer: Uint8Array;
  readonly #view: DataView;
  readonly #start: number;
  readonly #fragments: boolean;
  /** Bytes of a kernel message at most. A message that is not cut was checked before. */
  #longest: number;
  #rest: Uint8Array | undefined;
  #length = 0;
  #sequence = Math.floor(Math.random() * 2 ** 32);
  #index = 0;

  /**
   * @param buffer where the kernel messages are laid, as the caller hands them to the kernel
   * @param start where in it they begin
   */
  constructor(buffer: Uint8Array, start: number, fragments: boolean) {
    this.#buffer = buffer;
    this.#view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    this.#start = start;
    this.#fragments = fragments;
    this.#longest = buffer.length - start;
  }

  /** Something is left to be sent. */
  get pending(): boolean {
    return this.#rest !== undefined;
  }

  /** A part of the message was sent. */
  get begun(): boolean {
    return this.#index > 0;
  }

  /** Bytes of the kernel message in the buffer. */
  get length(): number {
    return this.#length;
  }

  /** Takes a message, which is borrowed until it is sent, kept or dropped. */
  begin(message: Uint8Array): void {
    this.#rest = message;
    this.#index = 0;
    this.#prepare();
  }

  /** The kernel message in the buffer was sent; lays the next one there. */
  advance(): void {
    const sent = this.#fragments ? this.#length - FRAGMENT_HEADER_BYTES : this.#length;
    const rest = this.#rest as Uint8Array;
    if (sent === rest.length) {
      this.drop();
      return;
    }
    this.#rest = rest.subarray(sent);
    this.#index++;
    this.#prepare();
  }

  /** Copies what is left, so that its owner may use the bytes again. */
  keep(): void {
    this.#rest = this.#rest?.slice();
  }

  /** Nothing is on its way any more. A receiver passes over what was sent of it: the next message begins with index 0. */
  drop(): void {
    this.#rest = undefined;
    this.#index = 0;
    this.#sequence = (this.#sequence + 1) >>> 0;
  }

  /** Cuts what is left into kernel messages of so many bytes, from the one in the buffer on. */
  cutShorter(longest: number): void {
    this.#longest = longest;
    this.#prepare();
  }

  #prepare(): void {
    const rest = this.#rest as Uint8Array;
    if (!this.#fragments) {
      this.#length = rest.length;
      this.#buffer.set(rest, this.#start);
      return;
    }
    const payload = rest.subarray(0, this.#longest - FRAGMENT_HEADER_BYTES);
    const last = payload.length === rest.length;
    writeFragmentHeader(this.#view, this.#start, { sequence: this.#sequence, index: this.#index, last });
    this.#buffer.set(payload, this.#start + FRAGMENT_HEADER_BYTES);
    this.#length = FRAGMENT_HEADER_BYTES + payload.length;
  }
}
