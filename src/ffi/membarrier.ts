import { SYS_membarrier } from "./abi/current.ts";
import { lazyBind } from "./bind.ts";
import { checkInt32 } from "./check.ts";
import { failedCall } from "./system-error.ts";

const calls = lazyBind({
  syscall: { parameters: ["i64", "i32", "u32", "i32"], result: "i32" },
});

/**
 * `int membarrier(int cmd, unsigned int flags, int cpu_id)` — Makes every thread of the process pass a full memory barrier before it returns.
 *
 * @param command `MEMBARRIER_CMD_PRIVATE_EXPEDITED`, after `MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED` once
 * @throws {SystemError} `EINVAL` an unknown command
 * @throws {SystemError} `ENOSYS` a kernel without it
 * @throws {SystemError} `EPERM` the process did not register, or a filter of system calls forbids it
 * @see https://man7.org/linux/man-pages/man2/membarrier.2.html
 */
export function membarrier(command: number): void {
  checkInt32("command", command);
  if (calls().syscall(SYS_membarrier, command, 0, 0) < 0) throw failedCall("membarrier");
}
