import { createRequire } from "node:module";
import type { Library, NativeFunction, NativeType, Signature } from "../library.ts";
import { bindGroup } from "./bind-group.ts";

/** The part of koffi that this file uses; koffi is an optional dependency, so its types are not imported. */
interface Koffi {
  load(path: string): { func(name: string, result: string, parameters: string[]): NativeFunction };
  address(view: ArrayBufferView): bigint;
  errno(): number;
}

/**
 * The backend on koffi, for Node 20 and newer. It takes and gives 64-bit integers as numbers where they are safe ones, and gives errno.
 *
 * @throws when koffi is not installed
 * @see https://koffi.dev
 */
export function openKoffi(): Library {
  const koffi = createRequire(import.meta.url)("koffi") as Koffi;
  const loaded = new Map<string, ReturnType<Koffi["load"]>>();

  function bindFrom(
    libraryName: string,
    definitions: Readonly<Record<string, Signature>>,
  ): Record<string, NativeFunction> {
    let library = loaded.get(libraryName);
    if (library === undefined) {
      library = koffi.load(libraryName);
      loaded.set(libraryName, library);
    }
    const bound: Record<string, NativeFunction> = {};
    for (const [name, { parameters, result }] of Object.entries(definitions)) {
      bound[name] = library.func(
        name,
        TYPES[result],
        parameters.map((type) => TYPES[type]),
      );
    }
    return bound;
  }

  return {
    name: "koffi",
    bind: (definitions) => bindGroup(definitions, bindFrom),
    address(view) {
      if (view.byteLength === 0) throw new RangeError("An empty view has no address");
      return Number(koffi.address(view));
    },
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
  pointer: "int64_t",
  buffer: "void *",
};
