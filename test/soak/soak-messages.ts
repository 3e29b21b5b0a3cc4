/** How long the messages of a session are. */
export type SoakProfile = "small" | "records" | "large" | "mixed";

export const SOAK_PROFILES: readonly SoakProfile[] = ["small", "records", "large", "mixed"];

/**
 * The messages of one producer session. Whoever knows the session's number makes the same ones, so they need no head of their own and may
 * have any size from 0.
 */
export class SoakMessages {
  readonly #session: number;
  readonly #capacity: number;
  readonly #profile: SoakProfile;

  /** @param capacity bytes of the ring, by which a record and a message larger than the ring are measured */
  constructor(session: number, capacity: number, profile: SoakProfile) {
    this.#session = session;
    this.#capacity = capacity;
    this.#profile = profile;
  }

  /** Bytes of message number `index`. */
  lengthAt(index: number): number {
    const random = scramble(this.#session ^ scramble(index));
    const value = random >>> 8;
    const record = this.#capacity / 2 - 8;
    switch (this.#profile) {
      case "small":
        return value % 200;
      case "records":
        // now and then exactly the largest record
        return value % 16 === 0 ? record : value % (record + 1);
      case "large":
        return value % (this.#capacity * 3);
      case "mixed":
        if (random % 128 === 0) return value % (this.#capacity * 2);
        if (random % 16 === 0) return value % (record + 2);
        return value % 300;
    }
  }

  /** Message number `index`, in memory of its own. */
  at(index: number): Uint8Array {
    const length = this.lengthAt(index);
    const from = scramble(this.#session + Math.imul(index, 31)) % POOL_OFFSETS;
    const message = new Uint8Array(length);
    for (let at = 0; at < length; at += POOL_BYTES) {
      message.set(POOL.subarray(from, from + Math.min(POOL_BYTES, length - at)), at);
    }
    // what the pool cannot tell apart
    const marks = [index, this.#session, index >>> 8, this.#session >>> 8, index >>> 16, index >>> 24];
    for (let i = 0; i < marks.length && i < length; i++) message[i] = marks[i] as number;
    return message;
  }
}

/** A number that tells contents apart; the same on each runtime. */
export function contentHash(bytes: Uint8Array): number {
  const { length } = bytes;
  let hash = length | 0;
  let i = 0;
  for (; i + 3 < length; i += 4) {
    const word =
      (bytes[i] as number) |
      ((bytes[i + 1] as number) << 8) |
      ((bytes[i + 2] as number) << 16) |
      ((bytes[i + 3] as number) << 24);
    hash = Math.imul(hash ^ word, 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  for (; i < length; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x85ebca6b) ^ (hash >>> 13);
  return hash | 0;
}

/** Mixes the bits of a number; the finalizer of MurmurHash3. */
export function scramble(value: number): number {
  let bits = value | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

const POOL_OFFSETS = 8192;
/** A prime, so that no two places of a ring or a message repeat each other. */
const POOL_BYTES = 65_521;
const POOL = new Uint8Array(POOL_OFFSETS + POOL_BYTES).map((_, i) => scramble(i));
