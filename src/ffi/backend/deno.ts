import type { Library, NativeFunction, NativeType, Signature } from "../library.ts";
import { bindGroup } from "./bind-group.ts";
import { convertWide } from "./convert-wide.ts";

/** The part of Deno's namespace that this file uses. */
interface DenoFfi {
  dlopen(
    path: string,
    definitions: Record<string, { parameters: string[]; result: string }>,
  ): { symbols: Record<string, NativeFunction> };
  UnsafePointer: {
    of(view: ArrayBufferView): object | null;
    create(address: bigint): object | null;
    value(pointer: object | null): number | bigint;
  };
  UnsafePointerView: { getArrayBuffer(pointer: object | null, length: number): ArrayBuffer };
}

/**
 * The backend on `Deno.dlopen`, which needs `--allow-ffi`. Deno gives 64-bit integers as BigInt, and takes numbers for them at twenty
 * times the price, so this file converts. Deno captures no errno, so `errno()` reads the C library's variable.
 *
 * @throws when not on Deno, and `NotCapable` when the permission is missing
 * @see https://docs.deno.com/runtime/fundamentals/ffi/
 */
export function openDeno(): Library {
  const { dlopen, UnsafePointer, UnsafePointerView } = (globalThis as unknown as { Deno: DenoFfi }).Deno;

  function bindFrom(
    libraryName: string,
    definitions: Readonly<Record<string, Signature>>,
  ): Record<string, NativeFunction> {
    const foreign: Record<string, { parameters: string[]; result: string }> = {};
    for (const [name, { parameters, result }] of Object.entries(definitions)) {
      foreign[name] = { parameters: parameters.map((type) => TYPES[type]), result: TYPES[result] };
    }
    const { symbols } = dlopen(libraryName, foreign);
    const bound: Record<string, NativeFunction> = {};
    for (const [name, signature] of Object.entries(definitions)) {
      bound[name] = convertWide(symbols[name] as NativeFunction, signature);
    }
    return bound;
  }

  // not through bindGroup, so that a missing permission is seen as what it is
  const { __errno_location } = bindFrom("libc.so.6", { __errno_location: { parameters: [], result: "pointer" } });
  const location = UnsafePointer.create(BigInt(__errno_location?.()));
  const errno = new Int32Array(UnsafePointerView.getArrayBuffer(location, 4));
  return {
    name: "deno",
    bind: (definitions) => bindGroup(definitions, bindFrom),
    address(view) {
      if (view.byteLength === 0) throw new RangeError("An empty view has no address");
      return Number(UnsafePointer.value(UnsafePointer.of(view)));
    },
    errno: () => errno[0] as number,
  };
}

const TYPES: Record<NativeType, string> = {
  void: "void",
  i32: "i32",
  u32: "u32",
  i64: "i64",
  u64: "u64",
  usize: "usize",
  isize: "isize",
  pointer: "i64",
  buffer: "buffer",
};
