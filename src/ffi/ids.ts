import { SYS_gettid } from "./abi/current.ts";
import { lazyBind } from "./bind.ts";

const calls = lazyBind({
  getpid: { parameters: [], result: "i32" },
  getppid: { parameters: [], result: "i32" },
  getuid: { parameters: [], result: "u32" },
  geteuid: { parameters: [], result: "u32" },
  getgid: { parameters: [], result: "u32" },
  getegid: { parameters: [], result: "u32" },
  // glibc before 2.30 has no function gettid
  syscall: { parameters: ["i64"], result: "i32" },
});

/**
 * `pid_t getpid(void)` — The process id, inside of its pid namespace.
 *
 * @see https://man7.org/linux/man-pages/man2/getpid.2.html
 */
export function getpid(): number {
  return calls().getpid();
}

/**
 * `pid_t getppid(void)` — The process that started this one, or the one that took it over when that had ended; 0 when it lives outside
 * of this pid namespace.
 *
 * @see https://man7.org/linux/man-pages/man2/getppid.2.html
 */
export function getppid(): number {
  return calls().getppid();
}

/**
 * `pid_t gettid(void)` — The kernel's id of this thread; the process id on the main thread. In a worker it stays the same for the
 * worker's life.
 *
 * @see https://man7.org/linux/man-pages/man2/gettid.2.html
 */
export function gettid(): number {
  return calls().syscall(SYS_gettid);
}

/**
 * `uid_t getuid(void)` — The user who started the process.
 *
 * @see https://man7.org/linux/man-pages/man2/getuid.2.html
 */
export function getuid(): number {
  return calls().getuid();
}

/**
 * `uid_t geteuid(void)` — The user whose permissions the process has.
 *
 * @see https://man7.org/linux/man-pages/man2/geteuid.2.html
 */
export function geteuid(): number {
  return calls().geteuid();
}

/**
 * `gid_t getgid(void)` — The group of the user who started the process.
 *
 * @see https://man7.org/linux/man-pages/man2/getgid.2.html
 */
export function getgid(): number {
  return calls().getgid();
}

/**
 * `gid_t getegid(void)` — The group whose permissions the process has.
 *
 * @see https://man7.org/linux/man-pages/man2/getegid.2.html
 */
export function getegid(): number {
  return calls().getegid();
}
