/**
 * A memory whose every access goes through {@link Access}, for code that uses an `Int32Array`, a `Uint8Array` and `Atomics`.
 *
 * The views are proxies of real ones, and `Atomics` is replaced while the model runs, because it takes real arrays only.
 */
export interface ModelMemory {
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
}

/** What an access does to the memory; it gives what is read. An ordinary write tells what it writes. */
export type Access = (what: string, byte: number, perform: () => unknown, written?: number) => unknown;

/** Bytes that are mapped twice in a row. */
export interface Mirror {
  readonly at: number;
  readonly length: number;
}

/** Makes the views over a buffer. */
export function modelMemory(buffer: SharedArrayBuffer, mirror: Mirror, access: Access): ModelMemory {
  const words = new Int32Array(buffer);
  const bytes = new Uint8Array(buffer);
  const methods = {
    set: (source: ArrayLike<number>, at = 0) => {
      const copy = Uint8Array.from(source);
      access("write bytes", at, () => {
        bytes.set(copy, at);
        reflect(bytes, mirror, at, copy.length);
      });
    },
    slice: (from: number, to: number) => access("read bytes", from, () => bytes.slice(from, to)),
    // what is read of it later is read now
    subarray: (from: number, to: number) => access("read bytes", from, () => bytes.slice(from, to)),
  };
  const proxies = {
    words: proxyOf(words, {}, access, (at) => reflect(bytes, mirror, at, 4)),
    bytes: proxyOf(bytes, methods, access, (at) => reflect(bytes, mirror, at, 1)),
  };
  real.set(proxies.words, { words, access });
  return proxies;
}

/** Runs `body` with an `Atomics` that knows the model's words. */
export function withModelAtomics<Result>(body: () => Result): Result {
  const originals = new Map<string, unknown>();
  for (const name of ["load", "store", "exchange", "compareExchange", "add", "sub", "and", "or", "xor"] as const) {
    const original = Atomics[name] as (...values: unknown[]) => unknown;
    originals.set(name, original);
    Reflect.set(Atomics, name, (array: Int32Array, index: number, ...values: unknown[]) => {
      const model = real.get(array);
      if (model === undefined) return original(array, index, ...values);
      return model.access(`Atomics.${name}`, index * 4, () => original(model.words, index, ...values));
    });
  }
  try {
    return body();
  } finally {
    for (const [name, original] of originals) Reflect.set(Atomics, name, original);
  }
}

const real = new WeakMap<object, { words: Int32Array; access: Access }>();

/** What is written into one image is there in the other. */
function reflect(bytes: Uint8Array, { at: base, length }: Mirror, at: number, count: number): void {
  for (let i = Math.max(at, base); i < at + count; i++) {
    const other = i < base + length ? i + length : i - length;
    bytes[other] = bytes[i] as number;
  }
}

function proxyOf<View extends Int32Array | Uint8Array>(
  view: View,
  methods: object,
  access: Access,
  written: (byte: number) => void,
): View {
  const { BYTES_PER_ELEMENT: size } = view;
  return new Proxy(view, {
    get(target, key) {
      const index = indexOf(key);
      if (index !== undefined) return access("read", index * size, () => target[index]);
      if (Object.hasOwn(methods, key)) return Reflect.get(methods, key);
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value === "function") throw new Error(`The model has no ${String(key)}() of a view`);
      return value;
    },
    set(target, key, value: number) {
      const index = indexOf(key);
      if (index === undefined) return false;
      const perform = () => {
        target[index] = value;
        written(index * size);
      };
      access("write", index * size, perform, value);
      return true;
    },
  });
}

function indexOf(key: string | symbol): number | undefined {
  if (typeof key === "symbol") return undefined;
  const index = Number(key);
  return Number.isInteger(index) ? index : undefined;
}
