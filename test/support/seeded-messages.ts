/**
 * Messages that both ends of a test can make by themselves: message `index` of a seed has always the same length and the same bytes, so
 * comparing with it finds what was lost, repeated, reordered or changed. Messages of 4 bytes and more begin with their index.
 */
export class SeededMessages {
  readonly #seed: number;
  readonly #least: number;
  readonly #most: number;
  readonly #pool: Uint8Array;

  /** @param most longest message in bytes; @param least shortest */
  constructor(seed: number, most: number, least = Math.min(1, most)) {
    this.#seed = seed;
    this.#least = least;
    this.#most = most;
    this.#pool = randomBytes(seed, most + POOL_OFFSETS);
  }

  /** Message number `index`, in memory of its own. */
  at(index: number): Uint8Array {
    const random = scramble(this.#seed ^ scramble(index));
    const length = this.#least + (random % (this.#most - this.#least + 1));
    const from = scramble(random) % POOL_OFFSETS;
    const message = this.#pool.slice(from, from + length);
    for (let byte = 0; byte < 4 && byte < length; byte++) message[byte] = index >>> (8 * byte);
    return message;
  }

  /** @throws when `message` is not message number `index`; the error says in what it differs */
  verify(index: number, message: Uint8Array): void {
    const expected = this.at(index);
    if (Buffer.compare(expected, message) === 0) return;
    const number =
      message.length >= 4 ? new DataView(message.buffer, message.byteOffset).getUint32(0, true) : "unknown";
    throw new Error(
      `Message ${index} of seed ${this.#seed} should have ${expected.length} bytes; ` +
        `came one of ${message.length} bytes, which begins as message ${number}`,
    );
  }
}

const POOL_OFFSETS = 65_536;

function randomBytes(seed: number, length: number): Uint8Array {
  const words = new Uint32Array((length + 3) >> 2);
  let state = seed | 1;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  return new Uint8Array(words.buffer, 0, length);
}

/** Mixes the bits of a number; the finalizer of MurmurHash3. */
function scramble(value: number): number {
  let bits = value | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
