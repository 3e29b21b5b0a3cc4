import { execFileSync } from "node:child_process";
import { lazyBind } from "../../src/ffi/bind.ts";
import { recommendedLibrary } from "../../src/ffi/recommended.ts";

const PR_SET_SECCOMP = 22;
const PR_SET_NO_NEW_PRIVS = 38;
const SECCOMP_MODE_FILTER = 2;
const SECCOMP_RET_ERRNO = 0x0005_0000;
const SECCOMP_RET_ALLOW = 0x7fff_0000;

const calls = lazyBind({ prctl: { parameters: ["i32", "u64", "u64", "u64", "u64"], result: "i32" } });
const filters = lazyBind({ prctl: { parameters: ["i32", "u64", "buffer", "u64", "u64"], result: "i32" } });

/** The numbers of system calls, as the program `system-calls` (`test/native/system-calls.c`) knows them. */
export function systemCallNumbers(program: string, names: readonly string[]): ReadonlyMap<string, number> {
  const numbers = execFileSync(program, names, { encoding: "utf8" }).trim().split("\n").map(Number);
  return new Map(names.map((name, index) => [name, numbers[index] as number]));
}

/**
 * Has the kernel answer a system call of this thread with an errno, by a filter (seccomp(2)) that stays until the thread ends. Of several filters
 * the latest says which errno it is.
 *
 * @param number as of {@link systemCallNumbers}; below 0, nothing is done
 */
export function refuse(number: number, value: number): void {
  if (number < 0) return;
  if (calls().prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) !== 0) throw new Error("prctl failed");
  // struct sock_filter: code, where to go on when true and when false, operand
  const filter = new DataView(new ArrayBuffer(32));
  const instructions = [
    [0x20, 0, 0, 0], // load the number of the system call
    [0x15, 0, 1, number],
    [0x06, 0, 0, SECCOMP_RET_ERRNO | value],
    [0x06, 0, 0, SECCOMP_RET_ALLOW],
  ] as const;
  for (const [index, [code, whenTrue, whenFalse, operand]] of instructions.entries()) {
    filter.setUint16(8 * index, code, true);
    filter.setUint8(8 * index + 2, whenTrue);
    filter.setUint8(8 * index + 3, whenFalse);
    filter.setUint32(8 * index + 4, operand, true);
  }
  // struct sock_fprog: how many, and where
  const fprog = new DataView(new ArrayBuffer(16));
  fprog.setUint16(0, instructions.length, true);
  fprog.setBigUint64(8, BigInt(recommendedLibrary().address(filter)), true);
  const done = filters().prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, fprog, 0, 0);
  // the filter is held until the kernel has read it
  if (done !== 0 || filter.byteLength === 0) throw new Error("no filter");
}
