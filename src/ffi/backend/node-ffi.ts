import process from "node:process";
import { IpcError } from "../../errors.ts";
import type { Library, NativeFunction, NativeType, Signature } from "../library.ts";
import { bindGroup } from "./bind-group.ts";
import { convertWide } from "./convert-wide.ts";

/** The part of `node:ffi` that this file uses. */
interface NodeFfi {
  dlopen(
    path: string,
    definitions: Record<string, { arguments: string[]; return: string }>,
  ): { functions: Record<string, NativeFunction> };
  getRawPointer(buffer: ArrayBufferLike): bigint;
  toArrayBuffer(pointer: bigint, length: number, copy: boolean): ArrayBuffer;
}

/**
 * The backend on Node's built-in `node:ffi`, Node >= 26.1, without a dependency. It takes and gives 64-bit integers as BigInt,
 * which this file converts, and captures no errno, so `errno()` reads the C library's variable.
 *
 * @throws {IpcError} `IPC_UNSUPPORTED` when this Node has no `node:ffi`
 * @see https://nodejs.org/api/ffi.html
 */
export function openNodeFfi(): Library {
  const ffi = (process.getBuiltinModule as ((name: string) => unknown) | undefined)?.("node:ffi") as
    | NodeFfi
    | undefined;
  if (ffi === undefined) {
    throw new IpcError(
      "IPC_UNSUPPORTED",
      `Node ${process.versions.node} has no node:ffi. Use Node 26.1 or newer, or koffi`,
    );
  }
  const { dlopen, getRawPointer, toArrayBuffer } = ffi;

  function bindFrom(
    libraryName: string,
    definitions: Readonly<Record<string, Signature>>,
  ): Record<string, NativeFunction> {
    const foreign: Record<string, { arguments: string[]; return: string }> = {};
    for (const [name, { parameters, result }] of Object.entries(definitions)) {
      foreign[name] = { arguments: parameters.map((type) => TYPES[type]), return: TYPES[result] };
    }
    const { functions } = dlopen(libraryName, foreign);
    const bound: Record<string, NativeFunction> = {};
    for (const [name, signature] of Object.entries(definitions)) {
      bound[name] = convertWide(functions[name] as NativeFunction, signature);
    }
    return bound;
  }

  const { __errno_location } = bindGroup({ __errno_location: { parameters: [], result: "pointer" } }, bindFrom);
  const errno = new Int32Array(toArrayBuffer(BigInt(__errno_location()), 4, false));
  return {
    name: "node:ffi",
    bind: (definitions) => bindGroup(definitions, bindFrom),
    address(view) {
      if (view.byteLength === 0) throw new RangeError("An empty view has no address");
      return Number(getRawPointer(view.buffer)) + view.byteOffset;
    },
    errno: () => errno[0] as number,
  };
}

const TYPES: Record<NativeType, string> = {
  void: "void",
  i32: "int32",
  u32: "uint32",
  i64: "int64",
  u64: "uint64",
  usize: "uint64",
  isize: "int64",
  pointer: "int64",
  buffer: "buffer",
};
