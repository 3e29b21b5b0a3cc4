import type { NativeFunction, NativeType, Signature } from "../library.ts";

/**
 * For runtimes that take and give 64-bit integers as BigInt: makes a function that takes and gives numbers. Each parameter
 * remembers the last BigInt that it made, since addresses and lengths come again and again: then the call allocates nothing.
 */
export function convertWide(native: NativeFunction, { parameters, result }: Signature): NativeFunction {
  const call = parameters.some((type) => WIDE.has(type)) ? convertArguments(native, parameters) : native;
  return WIDE.has(result) ? (...values) => Number(call(...values)) : call;
}

function convertArguments(native: NativeFunction, parameters: readonly NativeType[]): NativeFunction {
  const converters = parameters.map((type) => (WIDE.has(type) ? rememberingBigInt() : asItIs));
  const [a = asItIs, b = asItIs, c = asItIs, d = asItIs, e = asItIs] = converters;
  // without an array of arguments, which would be garbage of every call
  switch (parameters.length) {
    case 1:
      return (v) => native(a(v));
    case 2:
      return (v, w) => native(a(v), b(w));
    case 3:
      return (v, w, x) => native(a(v), b(w), c(x));
    case 4:
      return (v, w, x, y) => native(a(v), b(w), c(x), d(y));
    case 5:
      return (v, w, x, y, z) => native(a(v), b(w), c(x), d(y), e(z));
    default:
      return (...values) => native(...converters.map((convert, index) => convert(values[index])));
  }
}

/** The types that are 64 bits wide. */
const WIDE: ReadonlySet<NativeType> = new Set(["i64", "u64", "usize", "isize", "pointer"]);

function rememberingBigInt(): (value: number) => bigint {
  let last = 0;
  let big = 0n;
  return (value) => {
    if (value !== last) {
      big = BigInt(value);
      last = value;
    }
    return big;
  };
}

function asItIs<Value>(value: Value): Value {
  return value;
}
