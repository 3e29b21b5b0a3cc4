import { createRequire } from "node:module";
import { IpcError } from "../../errors.ts";
import type { Library, NativeFunction, NativeType, Signature } from "../library.ts";
import { bindGroup } from "./bind-group.ts";

/**
 * The backend on `bun:ffi`, Bun >= 1.4: before, it takes no `DataView`, binds a name only once, and crashes on some calls. A call
 * costs 2 to 5 ns, 10 ns with a 64-bit result. bun:ffi captures no errno, so `errno()` reads the C library's variable.
 *
 * @throws {IpcError} `IPC_UNSUPPORTED` when this Bun is older
 * @see https://bun.com/docs/runtime/ffi
 */
export function openBun(): Library {
  const { version } = (globalThis as unknown as { Bun: { version: string } }).Bun;
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major < 1 || (major === 1 && minor < 4)) {
    throw new IpcError("IPC_UNSUPPORTED", `The FFI of Bun ${version} is too limited. Use Bun 1.4 or newer`);
  }
  const { dlopen, ptr, toArrayBuffer } = createRequire(import.meta.url)("bun:ffi") as typeof import("bun:ffi");

  function bindFrom(
    libraryName: string,
    definitions: Readonly<Record<string, Signature>>,
  ): Record<string, NativeFunction> {
    const foreign: Record<string, { args: string[]; returns: string }> = {};
    for (const [name, { parameters, result }] of Object.entries(definitions)) {
      foreign[name] = { args: parameters.map((type) => PARAMETER_TYPES[type]), returns: RESULT_TYPES[result] };
    }
    // bun-types wants literal signatures
    const symbols = dlopen(libraryName, foreign as never).symbols as Record<string, NativeFunction>;
    const bound: Record<string, NativeFunction> = {};
    for (const [name, { result }] of Object.entries(definitions)) {
      const native = symbols[name] as NativeFunction;
      // the "fast" types give a BigInt at the ends of the safe range, and beyond
      bound[name] = FAST.has(RESULT_TYPES[result]) ? (...values) => Number(native(...values)) : native;
    }
    return bound;
  }

  const { __errno_location } = bindGroup({ __errno_location: { parameters: [], result: "pointer" } }, bindFrom);
  const errno = new Int32Array(toArrayBuffer(__errno_location(), 0, 4));
  return {
    name: "bun:ffi",
    bind: (definitions) => bindGroup(definitions, bindFrom),
    address(view) {
      if (view.byteLength === 0) throw new RangeError("An empty view has no address");
      return ptr(view as NodeJS.TypedArray);
    },
    errno: () => errno[0] as number,
  };
}

const FAST: ReadonlySet<string> = new Set(["i64_fast", "u64_fast"]);

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
  // "ptr" would give null for NULL
  pointer: "i64_fast",
};
