import { IpcError } from "../../errors.ts";
import { LIBRARY_NAMES, type Library, type NativeFunction, type NativeType, type Signature } from "../library.ts";

/** The part of Deno's namespace that this file uses. */
interface DenoFfi {
  dlopen(
    path: string,
    definitions: Record<string, { parameters: string[]; result: string }>,
  ): { symbols: Record<string, NativeFunction> };
  UnsafePointer: { of(view: ArrayBufferView): object | null; value(pointer: object | null): number | bigint };
  UnsafePointerView: { new (pointer: object): { getInt32(): number } };
}

/**
 * The backend on `Deno.dlopen`, which needs `--allow-ffi`. Deno captures no errno, so `errno()` reads `*__errno_location()`.
 *
 * @throws when not on Deno, or when the permission is missing
 * @see https://docs.deno.com/runtime/fundamentals/ffi/
 */
export function openDeno(): Library {
  const { dlopen, UnsafePointer, UnsafePointerView } = (globalThis as unknown as { Deno: DenoFfi }).Deno;

  function bindOne(name: string, { parameters, result }: Signature): NativeFunction {
    const definition = { parameters: parameters.map((type) => TYPES[type]), result: TYPES[result] };
    for (const libraryName of LIBRARY_NAMES) {
      try {
        const native = dlopen(libraryName, { [name]: definition }).symbols[name] as NativeFunction;
        return WIDE.has(result) ? (...values) => Number(native(...values)) : native;
      } catch (error) {
        // a missing permission is for the user to see; a missing symbol may be in the next library
        if ((error as Error).name === "NotCapable") throw error;
      }
    }
    throw new IpcError("IPC_UNSUPPORTED", `The C library has no function "${name}" (looked in ${LIBRARY_NAMES.join(", ")})`);
  }

  const errnoLocation = dlopen("libc.so.6", { __errno_location: { parameters: [], result: "pointer" } }).symbols
    .__errno_location as () => object;
  return {
    name: "deno",
    bind(definitions) {
      const bound = {} as Record<string, NativeFunction>;
      for (const name in definitions) bound[name] = bindOne(name, definitions[name]);
      return bound;
    },
    address: (view) => Number(UnsafePointer.value(UnsafePointer.of(view))),
    errno: () => new UnsafePointerView(errnoLocation()).getInt32(),
  };
}

const WIDE: ReadonlySet<NativeType> = new Set(["i64", "u64", "usize", "isize", "pointer"]);

const TYPES: Record<NativeType, string> = {
  void: "void",
  i32: "i32",
  u32: "u32",
  i64: "i64",
  u64: "u64",
  usize: "usize",
  isize: "isize",
  pointer: "u64",
  buffer: "buffer",
};
