import { O_CLOEXEC } from "./abi/current.ts";
import { EINTR } from "./abi/errno.ts";
import { lazyBind } from "./bind.ts";
import { cString } from "./c-string.ts";
import { checkInt32, checkUint32 } from "./check.ts";
import { failedCall, lastErrno, SystemError } from "./system-error.ts";

/** POSIX shared memory: files of `/dev/shm`, by name. `ftruncate`, `posixFallocate`, `fstat` and `mmap` work on their descriptors. */

const calls = lazyBind({
  shm_open: { parameters: ["buffer", "i32", "u32"], result: "i32" },
  shm_unlink: { parameters: ["buffer"], result: "i32" },
});

/**
 * `int shm_open(const char *name, int oflag, mode_t mode)` — Opens a shared memory object, with `O_CLOEXEC` added to the flags. A new
 * one is empty. Goes on when a signal interrupts it.
 *
 * @param name such as `"/frames"`: a slash at the beginning and none after it
 * @param flags `O_RDONLY` or `O_RDWR`, with `O_CREAT`, `O_EXCL`, `O_TRUNC`
 * @param mode permission bits of an object that is created, less the umask
 * @returns a file descriptor of this process, to be closed with {@link close}
 * @throws {SystemError} `EACCES` no permission
 * @throws {SystemError} `EEXIST` `O_CREAT | O_EXCL` and there is one
 * @throws {SystemError} `EINVAL` a name that is not allowed
 * @throws {SystemError} `ELOOP` a symbolic link is there
 * @throws {SystemError} `EMFILE`, `ENFILE` the limit of open descriptors of the process, or of the system
 * @throws {SystemError} `ENAMETOOLONG` the name is longer than 255 bytes. glibc 2.36 says `EINVAL`
 * @throws {SystemError} `ENOENT` no object of that name
 * @throws {SystemError} `ENOMEM`, `ENOSPC` no memory, or no space for the new object
 * @throws {RangeError} the name holds a NUL character
 * @see https://man7.org/linux/man-pages/man3/shm_open.3.html
 */
export function shmOpen(name: string, flags: number, mode = 0o600): number {
  checkInt32("flags", flags);
  checkUint32("mode", mode);
  const cName = cString(name);
  for (;;) {
    const fd: number = calls().shm_open(cName, flags | O_CLOEXEC, mode);
    if (fd >= 0) return fd;
    const errno = lastErrno();
    if (errno !== EINTR) throw new SystemError("shm_open", errno, name);
  }
}

/**
 * `int shm_unlink(const char *name)` — Removes the name of a shared memory object. The object goes with its last descriptor and
 * mapping.
 *
 * @throws {SystemError} `EACCES` no permission, also for the object of another user
 * @throws {SystemError} `ENOENT` no object of that name, or a name that is not allowed
 * @throws {RangeError} the name holds a NUL character
 * @see https://man7.org/linux/man-pages/man3/shm_open.3.html
 */
export function shmUnlink(name: string): void {
  if (calls().shm_unlink(cString(name)) !== 0) throw failedCall("shm_unlink", name);
}
