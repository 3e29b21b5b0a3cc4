import { createRequire } from "node:module";
import { IpcError } from "../../errors.ts";
import { LIBRARY_NAMES, type Library, type NativeFunction, type NativeType, type Signature } from "../library.ts";

/**
 * The backend on `bun:ffi`. A call costs 1 to 2 ns. bun:ffi captures no errno, so `errno()` reads `*__errno_location()`.
 *
 * @throws when not on Bun
 * @see https://bun.com/docs/runtime/ffi
 */
export function openBun(): Library {
  const { dlopen, ptr, read } = createRequire(import.meta.url)("bun:ffi") as typeof import("bun:ffi");

  function bindOne(name: string, signature: Signature): NativeFunction {
    const definition = {
      args: signature.parameters.map((type) => PARAMETER_TYPES[type]),
      returns: RESULT_TYPES[signature.result],
    };
    for (const libraryName of LIBRARY_NAMES) {
      try {
        // biome-ignore lint/suspicious/noExplicitAny: bun-types wants literal signatures
        const symbol = (dlopen(libraryName, { [name]: definition } as any).symbols as any)[name] as NativeFunction;
        return withEmptyViews(symbol, signature);
      } catch {
        // try the next library; what none has is reported below
      }
    }
    throw new IpcError("IPC_UNSUPPORTED", `The C library has no function "${name}" (looked in ${LIBRARY_NAMES.join(", ")})`);
  }

  const errnoLocation = bindOne("__errno_location", { parameters: [], result: "pointer" });
  return {
    name: "bun:ffi",
    bind(definitions) {
      const bound = {} as Record<string, NativeFunction>;
      for (const name in definitions) bound[name] = bindOne(name, definitions[name]);
      return bound;
    },
    address: (view) => ptr(view as NodeJS.TypedArray),
    errno: () => read.i32(errnoLocation(), 0),
  };
}

/** bun:ffi refuses a view without bytes; C gets the address of a byte that it must not touch. */
function withEmptyViews(symbol: NativeFunction, { parameters }: Signature): NativeFunction {
  if (!parameters.includes("buffer")) return symbol;
  const first = parameters.indexOf("buffer");
  if (parameters.lastIndexOf("buffer") !== first) {
    return (...values) =>
      symbol(...values.map((value, index) => (parameters[index] === "buffer" && value.byteLength === 0 ? NO_BYTES : value)));
  }
  switch (parameters.length) {
    case 1:
      return (a) => symbol(a.byteLength === 0 ? NO_BYTES : a);
    case 2:
      return first === 0
        ? (a, b) => symbol(a.byteLength === 0 ? NO_BYTES : a, b)
        : (a, b) => symbol(a, b.byteLength === 0 ? NO_BYTES : b);
    case 3:
      if (first === 1) return (a, b, c) => symbol(a, b.byteLength === 0 ? NO_BYTES : b, c);
      break;
  }
  return (...values) => {
    if (values[first].byteLength === 0) values[first] = NO_BYTES;
    return symbol(...values);
  };
}

const NO_BYTES = new Uint8Array(8);

const PARAMETER_TYPES: Record<NativeType, string> = {
  void: "void",
  i32: "i32",
  u32: "u32",
  i64: "i64",
  u64: "u64",
  usize: "u64",
  isize: "i64",
  pointer: "ptr",
  buffer: "buffer",
};

const RESULT_TYPES: Record<NativeType, string> = {
  ...PARAMETER_TYPES,
  i64: "i64_fast",
  isize: "i64_fast",
  u64: "u64_fast",
  usize: "u64_fast",
};
