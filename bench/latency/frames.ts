const LENGTH_BYTES = 4;

/** A message behind its length. */
export function frameOf(message: Uint8Array): Uint8Array {
  const frame = new Uint8Array(LENGTH_BYTES + message.length);
  new DataView(frame.buffer).setUint32(0, message.length, true);
  frame.set(message, LENGTH_BYTES);
  return frame;
}

/** Cuts what comes over a stream into messages. */
export class FrameReader {
  #rest: Uint8Array = new Uint8Array(0);

  /** @param take is given each message that is whole now */
  add(chunk: Uint8Array, take: (message: Uint8Array) => void): void {
    const bytes = this.#rest.length === 0 ? chunk : joined(this.#rest, chunk);
    let at = 0;
    while (bytes.length - at >= LENGTH_BYTES) {
      const length = new DataView(bytes.buffer, bytes.byteOffset + at).getUint32(0, true);
      if (bytes.length - at < LENGTH_BYTES + length) break;
      take(bytes.subarray(at + LENGTH_BYTES, at + LENGTH_BYTES + length));
      at += LENGTH_BYTES + length;
    }
    this.#rest = bytes.slice(at);
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
