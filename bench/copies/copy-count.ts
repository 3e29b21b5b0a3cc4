import type { NativeFunction } from "../../src/ffi/library.ts";
import { recommendedLibrary } from "../../src/ffi/recommended.ts";

/**
 * Counts the bytes that this process copies from memory to memory: it stands in the place of the methods of typed arrays and buffers that copy,
 * and of memcpy(3) where that is called through the FFI. Made before anything is opened, it sees every copy of the library, which copies
 * with these alone (payloads of up to 128 bytes may go word by word, `src/ring/copy.ts`). What an engine or a runtime copies inside of itself,
 * it does not see.
 */
export class CopyCount {
  bytes = 0;

  constructor() {
    const arrays = Object.getPrototypeOf(Uint8Array.prototype) as Uint8Array;
    this.#replace(arrays, "set", (_target, _result, source: ArrayLike<number>) => source.length);
    this.#replace(arrays, "slice", (_source, result) => (result as Uint8Array).length);
    this.#replace(arrays, "copyWithin", (array, _result, to: number, from: number, end = array.length) =>
      Math.min(end - from, array.length - to),
    );
    this.#replace(Buffer.prototype, "copy", (_source, result) => result as number);
    this.#replace(Buffer, "concat", (_class, result) => (result as Uint8Array).length);
    this.#replace(Buffer, "from", (_class, result, from: unknown) =>
      ArrayBuffer.isView(from) ? (result as Uint8Array).length : 0,
    );
    this.#countCalls();
  }

  /** The third argument of memcpy and memmove is the length. */
  #countCalls(): void {
    const library = recommendedLibrary();
    const bind = library.bind;
    library.bind = (definitions) => {
      const bound: Record<string, NativeFunction> = bind(definitions);
      for (const name of ["memcpy", "memmove"]) {
        const original = bound[name];
        if (original === undefined) continue;
        bound[name] = (to, from, length) => {
          this.bytes += length;
          return original(to, from, length);
        };
      }
      return bound;
    };
  }

  /** @param items how many items a call has copied, all of them bytes unless the object says otherwise */
  #replace(
    owner: object,
    name: string,
    // biome-ignore lint/suspicious/noExplicitAny: each method has arguments of its own
    items: (self: any, result: unknown, ...values: any[]) => number,
  ): void {
    const original = Reflect.get(owner, name) as (...values: unknown[]) => unknown;
    const count = this;
    const counted = function (this: { BYTES_PER_ELEMENT?: number }, ...values: unknown[]): unknown {
      const result = original.apply(this, values);
      count.bytes += items(this, result, ...values) * (this.BYTES_PER_ELEMENT ?? 1);
      return result;
    };
    Object.defineProperty(owner, name, { value: counted, writable: true, configurable: true });
  }
}
