import type { Library } from "../../src/ffi/library.ts";
import type { Task } from "./task.ts";

/** The plainest call. */
export const CALL_JOB = "FFI call with a number, abs()";

const CALLS = 10_000;

/** What it costs to call C and come back. */
export function ffiCalls(library: Library, runtime: string): Task[] {
  const contender =
    library.name === "koffi" ? `koffi on ${runtime}` : library.name === "deno" ? "Deno.dlopen" : library.name;
  const { abs, memcmp, getppid } = library.bind({
    abs: { parameters: ["i32"], result: "i32" },
    memcmp: { parameters: ["buffer", "buffer", "usize"], result: "i32" },
    getppid: { parameters: [], result: "i32" },
  });
  const bytes = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  const same = bytes.slice();
  const parent = getppid();
  return [
    {
      job: CALL_JOB,
      contender,
      times: CALLS,
      run() {
        let sum = 0;
        for (let i = 1; i <= CALLS; i++) sum += abs(-i);
        if (sum !== (CALLS * (CALLS + 1)) / 2) throw new Error(`The sum is ${sum}`);
      },
    },
    {
      job: "FFI call with two views and a length, memcmp()",
      contender,
      times: CALLS,
      run() {
        for (let i = 0; i < CALLS; i++) if (memcmp(bytes, same, 8) !== 0) throw new Error("The views differ");
      },
    },
    {
      job: "FFI call of a system call, getppid()",
      contender,
      times: CALLS,
      run() {
        for (let i = 0; i < CALLS; i++) if (getppid() !== parent) throw new Error("The parent has died");
      },
    },
  ];
}
