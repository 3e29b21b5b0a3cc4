import { ROBUST_LIST_HEAD, SYS_get_robust_list } from "./abi/current.ts";
import { lazyBind } from "./bind.ts";
import { checkSize } from "./check.ts";
import { readNative, writeNative } from "./native-memory.ts";

const calls = lazyBind({
  // long syscall(SYS_get_robust_list, int pid, struct robust_list_head **head_ptr, size_t *len_ptr)
  syscall: { parameters: ["i64", "i32", "buffer", "buffer"], result: "i32" },
});

const word = new BigInt64Array(1);
const length = new BigInt64Array(1);

/**
 * Says to the kernel that this thread deals with a robust mutex which it does not have, as glibc says before it waits for one
 * (`list_op_pending`): when the thread ends there, the kernel hands a wake-up that the thread had been given on to the next one that
 * waits. It does so when nobody has the lock then.
 *
 * Nothing else on this thread may lock or unlock a robust mutex until that is over.
 *
 * @param lock native address of the lock word of a robust mutex, or 0 when it is over
 * @returns false when the kernel was told nothing: this thread has no list of robust mutexes, the kernel has none, or a filter of system
 * calls forbids to ask for it. A wait is as good as without then
 * @see https://man7.org/linux/man-pages/man2/get_robust_list.2.html
 * @see https://docs.kernel.org/locking/robust-futex-ABI.html
 */
export function setPendingRobust(lock: number): boolean {
  checkSize("lock", lock);
  if (calls().syscall(SYS_get_robust_list, 0, word, length) !== 0) return false;
  const head = Number(word[0]);
  // the C library says at the start of a thread how long the struct is that it has
  if (head === 0 || Number(length[0]) !== ROBUST_LIST_HEAD.sizeof) return false;
  let entry = 0n;
  if (lock !== 0) {
    readNative(word, head + ROBUST_LIST_HEAD.futex_offset.offset, 8);
    // the kernel finds the word futex_offset bytes after the entry
    entry = BigInt(lock) - (word[0] as bigint);
  }
  word[0] = entry;
  writeNative(head + ROBUST_LIST_HEAD.list_op_pending.offset, word, 8);
  return true;
}
