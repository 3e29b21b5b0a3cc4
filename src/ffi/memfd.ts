import { MFD_CLOEXEC } from "./abi/current.ts";
import { lazyBind } from "./bind.ts";
import { cString } from "./c-string.ts";
import { checkUint32 } from "./check.ts";
import { failedCall } from "./system-error.ts";

const calls = lazyBind({
  memfd_create: { parameters: ["buffer", "u32"], result: "i32" },
});

/**
 * `int memfd_create(const char *name, unsigned int flags)` — Makes a file without a path, in memory, with `MFD_CLOEXEC` added to the
 * flags. It is empty, goes with its last descriptor and mapping, and can be sealed with {@link addSeals} when `MFD_ALLOW_SEALING`
 * was given.
 *
 * @param name shown in `/proc`; need not be unique
 * @param flags `MFD_ALLOW_SEALING`, `MFD_HUGETLB`
 * @throws {SystemError} `EINVAL` an unknown flag, or a name longer than 249 bytes
 * @throws {SystemError} `EMFILE`, `ENFILE` the limit of open descriptors of the process, or of the system
 * @throws {SystemError} `ENOMEM` no memory
 * @throws {SystemError} `ENODEV` `MFD_HUGETLB` with a size of pages that the machine has not
 * @throws {RangeError} the name holds a NUL character
 * @see https://man7.org/linux/man-pages/man2/memfd_create.2.html
 *
 * @example Memory of a fixed size that can be handed to another process
 * ```ts
 * import { addSeals, close, F_SEAL_GROW, F_SEAL_SHRINK, MFD_ALLOW_SEALING, memfdCreate, posixFallocate } from "millrace/ffi";
 *
 * const fd = memfdCreate("frames", MFD_ALLOW_SEALING);
 * posixFallocate(fd, 0, 1 << 20);
 * addSeals(fd, F_SEAL_SHRINK | F_SEAL_GROW);
 * close(fd);
 * ```
 */
export function memfdCreate(name: string, flags = 0): number {
  checkUint32("flags", flags);
  const fd: number = calls().memfd_create(cString(name), (flags | MFD_CLOEXEC) >>> 0);
  if (fd < 0) throw failedCall("memfd_create", name);
  return fd;
}
