import { EFD_CLOEXEC } from "./abi/current.ts";
import { lazyBind } from "./bind.ts";
import { checkInt32, checkUint32 } from "./check.ts";
import { failedCall } from "./system-error.ts";

const calls = lazyBind({
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
});

/**
 * `int eventfd(unsigned int initval, int flags)` — Makes a counter with a descriptor, with `EFD_CLOEXEC` added to the flags.
 * {@link write} of 8 bytes adds to it; {@link read} of 8 bytes takes its value and sets it to 0, or waits while it is 0.
 *
 * @param flags `EFD_NONBLOCK`, `EFD_SEMAPHORE`
 * @throws {SystemError} `EINVAL` an unknown flag
 * @throws {SystemError} `EMFILE`, `ENFILE` the limit of open descriptors of the process, or of the system
 * @throws {SystemError} `ENODEV`, `ENOMEM` the kernel cannot make one
 * @see https://man7.org/linux/man-pages/man2/eventfd.2.html
 */
export function eventfd(initial = 0, flags = 0): number {
  checkUint32("initial", initial);
  checkInt32("flags", flags);
  const fd: number = calls().eventfd(initial, flags | EFD_CLOEXEC);
  if (fd < 0) throw failedCall("eventfd");
  return fd;
}
