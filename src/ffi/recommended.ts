import process from "node:process";
import { IpcError } from "../errors.ts";
import { runtime } from "../runtime.ts";
import { openBun } from "./backend/bun.ts";
import { openDeno } from "./backend/deno.ts";
import { openKoffi } from "./backend/koffi.ts";
import { openNodeFfi } from "./backend/node-ffi.ts";
import type { Library } from "./library.ts";

let chosen: Library | undefined;

/**
 * The backend for this process, opened at the first call: `bun:ffi` on Bun, `Deno.dlopen` on Deno, and on Node koffi where it is
 * installed, else the built-in `node:ffi` (Node >= 26.1). koffi comes first because `node:ffi` is still marked experimental and
 * prints a warning. `MILLRACE_FFI=node:ffi` or `MILLRACE_FFI=koffi` decides otherwise on Node.
 *
 * @returns the same library at every call
 * @throws {IpcError} `IPC_UNSUPPORTED` when this process has no way to call C
 */
export function recommendedLibrary(): Library {
  chosen ??= open();
  return chosen;
}

function open(): Library {
  if (process.platform !== "linux" || (process.arch !== "x64" && process.arch !== "arm64")) {
    throw new IpcError(
      "IPC_UNSUPPORTED",
      `Cannot call C on ${process.platform}-${process.arch}: the platforms are linux-x64 and linux-arm64, with glibc`,
    );
  }
  if (runtime === "bun") return openBun();
  if (runtime === "deno") return openDeno();
  const wanted = process.env.MILLRACE_FFI;
  if (wanted === "koffi") return openKoffi();
  if (wanted === "node:ffi") return openNodeFfi();
  if (wanted) throw new RangeError(`MILLRACE_FFI is "${wanted}", but must be "koffi" or "node:ffi", or not set`);
  try {
    return openKoffi();
  } catch (koffiError) {
    try {
      return openNodeFfi();
    } catch (nodeFfiError) {
      throw new IpcError(
        "IPC_UNSUPPORTED",
        `Cannot call C from Node ${process.versions.node}: koffi is not installed and node:ffi is not built in. ` +
          "Run `npm install koffi`, or use Node 26.1 or newer",
        { cause: new AggregateError([koffiError, nodeFfiError]) },
      );
    }
  }
}
