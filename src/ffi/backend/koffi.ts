import { createRequire } from "node:module";
import { IpcError } from "../../errors.ts";
import { LIBRARY_NAMES, type Library, type NativeFunction, type NativeType } from "../library.ts";

/** The part of koffi that this file uses; koffi is an optional dependency, so its types are not imported. */
interface Koffi {
  load(path: string): { func(name: string, result: string, parameters: string[]): NativeFunction };
  address(view: ArrayBufferView): bigint;
  errno(): number;
}

/**
 * The backend on koffi, for Node 20 and newer. koffi captures errno by itself.
 *
 * @throws when koffi is not installed
 * @see https://koffi.dev
 */
export function openKoffi(): Library {
  const koffi = createRequire(import.meta.url)("koffi") as Koffi;
  const libraries = new Map<string, ReturnType<Koffi["load"]>>();

  function bindOne(name: string, result: string, parameters: string[]): NativeFunction {
    for (const libraryName of LIBRARY_NAMES) {
      try {
        let library = libraries.get(libraryName);
        if (library === undefined) {
          library = koffi.load(libraryName);
          libraries.set(libraryName, library);
        }
        return library.func(name, result, parameters);
      } catch {
        // try the next library; what none has is reported below
      }
    }
    throw new IpcError("IPC_UNSUPPORTED", `The C library has no function "${name}" (looked in ${LIBRARY_NAMES.join(", ")})`);
  }

  return {
    name: "koffi",
    bind(definitions) {
      const bound = {} as Record<string, NativeFunction>;
      for (const name in definitions) {
        const { parameters, result } = definitions[name];
        bound[name] = bindOne(
          name,
          TYPES[result],
          parameters.map((type) => TYPES[type]),
        );
      }
      return bound;
    },
    address: (view) => Number(koffi.address(view)),
    errno: () => koffi.errno(),
  };
}

const TYPES: Record<NativeType, string> = {
  void: "void",
  i32: "int32_t",
  u32: "uint32_t",
  i64: "int64_t",
  u64: "uint64_t",
  usize: "uint64_t",
  isize: "int64_t",
  pointer: "uint64_t",
  buffer: "void *",
};
