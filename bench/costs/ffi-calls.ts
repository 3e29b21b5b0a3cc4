import type { Library } from "../../src/ffi/library.ts";
import type { Task } from "./task.ts";

/** The plainest call. */
export const CALL_JOB = "FFI call with a number, abs()";

const CALLS = 10_000;

/** What it costs to call C and come back. */
export function ffiCalls(library: Library, runtime: string): Task[] {
  const contender =
    library.name === "koffi" ? `koffi on ${runtime}` : library.name === "deno" ? "Deno.dlopen" : library.name;
  const { abs, memchr, getppid } = library.bind({
    abs: { parameters: ["i32"], result: "i32" },
    memchr: { parameters: ["buffer", "i32", "usize"], result: "pointer" },
    getppid: { parameters: [], result: "i32" },
  });
  const bytes = Uint8Array.of(7, 1, 2, 3, 4, 5, 6, 7);
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
      job: "FFI call with a view and a length, memchr()",
      contender,
      times: CALLS,
      run() {
        let found = 0;
        for (let i = 0; i < CALLS; i++) if (memchr(bytes, 7, 8) !== 0) found++;
        if (found !== CALLS) throw new Error(`Found ${found} of ${CALLS}`);
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
