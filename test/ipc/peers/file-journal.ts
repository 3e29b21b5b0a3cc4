import { closeSync, openSync, readSync, writeSync } from "node:fs";

/** What the ends of a ring in a file write down, in a file that outlives them: how many were sent, and which message was looked at last. */
export class FileJournal {
  readonly #path: string;
  readonly #descriptor: number;

  constructor(path: string) {
    this.#path = path;
    this.#descriptor = openSync(path, "a+");
    closeSync(this.#descriptor);
    this.#descriptor = openSync(path, "r+");
  }

  /** A new session begins: nothing was sent in it yet. */
  begin(_session: number): void {
    this.#write(0, [0]);
    this.#write(12, [0]);
  }

  sent(count: number): void {
    this.#write(0, [count]);
  }

  looked(session: number, index: number, count: number): void {
    this.#write(4, [session, index, count]);
  }

  get received(): number {
    return this.#words()[3] ?? 0;
  }

  read(): { sent: number; looked: { session: number; index: number } } {
    const [sent = 0, session = 0, index = 0] = this.#words();
    return { sent, looked: { session, index } };
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  get path(): string {
    return this.#path;
  }

  /** In one call, so that it is written whole whenever the process is killed. */
  #write(at: number, words: readonly number[]): void {
    writeSync(this.#descriptor, new Uint8Array(new Uint32Array(words).buffer), 0, 4 * words.length, at);
  }

  #words(): Uint32Array {
    const words = new Uint32Array(4);
    readSync(this.#descriptor, new Uint8Array(words.buffer), 0, 16, 0);
    return words;
  }
}

/** A message that tells which one it is, and whether it came whole. */
export function numbered(session: number, index: number): Uint8Array {
  const message = new Uint8Array(8 + ((index * 37) % 700)).fill((session * 31 + index) & 255);
  new DataView(message.buffer).setUint32(0, session, true);
  new DataView(message.buffer).setUint32(4, index, true);
  return message;
}

/** @throws {Error} when it is not one that {@link numbered} makes */
export function numbersOf(message: Uint8Array): { session: number; index: number } {
  const view = new DataView(message.buffer, message.byteOffset, message.length);
  const [session, index] = [view.getUint32(0, true), view.getUint32(4, true)];
  if (Buffer.compare(message, numbered(session, index)) !== 0) throw new Error("A message came that nobody sent");
  return { session, index };
}
