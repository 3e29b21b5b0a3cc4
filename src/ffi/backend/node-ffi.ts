import { IpcError } from "../../errors.ts";
import { LIBRARY_NAMES, type Library, type NativeFunction, type NativeType, type Signature } from "../library.ts";

/** The part of `node:ffi` that this file uses. */
interface NodeFfi {
  dlopen(path: string, definitions: Record<string, { arguments: string[]; return: string }>): {
    functions: Record<string, NativeFunction>;
  };
  getRawPointer(view: ArrayBufferView): bigint;
  getInt32(address: bigint): number;
}

/**
 * The backend on Node's built-in `node:ffi`, Node >= 26.1, without a dependency. It takes and gives 64-bit integers as BigInt,
 * which this file converts, and captures no errno, so `errno()` reads `*__errno_location()`.
 *
 * @throws {IpcError} `IPC_UNSUPPORTED` when this Node has no `node:ffi`
 * @see https://nodejs.org/api/ffi.html
 */
export function openNodeFfi(): Library {
  const ffi = (process.getBuiltinModule as ((name: string) => unknown) | undefined)?.("node:ffi") as NodeFfi | undefined;
  if (ffi === undefined) {
    throw new IpcError("IPC_UNSUPPORTED", `Node ${process.versions.node} has no node:ffi. Use Node 26.1 or newer, or koffi`);
  }
  const { dlopen, getRawPointer, getInt32 } = ffi;

  function bindOne(name: string, { parameters, result }: Signature): NativeFunction {
    const definition = { arguments: parameters.map((type) => TYPES[type]), return: TYPES[result] };
    for (const libraryName of LIBRARY_NAMES) {
      try {
        const native = dlopen(libraryName, { [name]: definition }).functions[name];
        if (native !== undefined) return convert(native, { parameters, result });
      } catch {
        // try the next library; what none has is reported below
      }
    }
    throw new IpcError("IPC_UNSUPPORTED", `The C library has no function "${name}" (looked in ${LIBRARY_NAMES.join(", ")})`);
  }

  const errnoLocation = dlopen("libc.so.6", { __errno_location: { arguments: [], return: "pointer" } }).functions
    .__errno_location as () => bigint;
  return {
    name: "node:ffi",
    bind(definitions) {
      const bound = {} as Record<string, NativeFunction>;
      for (const name in definitions) bound[name] = bindOne(name, definitions[name]);
      return bound;
    },
    address: (view) => Number(getRawPointer(view.buffer as never)) + view.byteOffset,
    errno: () => getInt32(errnoLocation()),
  };
}

function convert(native: NativeFunction, { parameters, result }: Signature): NativeFunction {
  const wideResult = WIDE.has(result);
  const wide = parameters.map((type) => WIDE.has(type));
  if (!wide.includes(true)) return wideResult ? (...values) => Number(native(...values)) : native;
  return (...values) => {
    for (let i = 0; i < wide.length; i++) if (wide[i]) values[i] = BigInt(values[i]);
    const value = native(...values);
    return wideResult ? Number(value) : value;
  };
}

const WIDE: ReadonlySet<NativeType> = new Set(["i64", "u64", "usize", "isize", "pointer"]);

const TYPES: Record<NativeType, string> = {
  void: "void",
  i32: "int32",
  u32: "uint32",
  i64: "int64",
  u64: "uint64",
  usize: "uint64",
  isize: "int64",
  pointer: "uint64",
  buffer: "buffer",
};
