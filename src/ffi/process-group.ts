import { lazyBind } from "./bind.ts";
import { checkInt32 } from "./check.ts";
import { failedCall } from "./system-error.ts";

/**
 * Groups of processes, which a signal reaches together (`kill` with a negative number), and sessions of groups, which have a terminal
 * together. Both are named by the process that began them. `posixSpawn` starts a child in a group or session of its own.
 */

const calls = lazyBind({
  getpgid: { parameters: ["i32"], result: "i32" },
  setpgid: { parameters: ["i32", "i32"], result: "i32" },
  getsid: { parameters: ["i32"], result: "i32" },
  setsid: { parameters: [], result: "i32" },
});

/**
 * `pid_t getpgid(pid_t pid)` — The group of a process.
 *
 * @param pid 0 for this process
 * @throws {SystemError} `ESRCH` no such process
 * @see https://man7.org/linux/man-pages/man2/getpgid.2.html
 *
 * @example A signal to a child and all that it started
 * ```ts
 * import { getpgid, kill, posixSpawn, SIGKILL, waitpid } from "millrace/ffi";
 *
 * const pid = posixSpawn("/bin/sh", ["sh", "-c", "sleep 1000 & sleep 1000"], { processGroup: 0 });
 * console.log(getpgid(pid) === pid); // true
 * kill(-pid, SIGKILL);
 * waitpid(pid);
 * ```
 */
export function getpgid(pid = 0): number {
  checkInt32("pid", pid);
  const group: number = calls().getpgid(pid);
  if (group < 0) throw failedCall("getpgid");
  return group;
}

/**
 * `int setpgid(pid_t pid, pid_t pgid)` — Moves this process, or a child that has not executed a program yet, into another group of its
 * session, or into a new one.
 *
 * @param pid 0 for this process
 * @param group 0 for a new group, which has the number of the process
 * @throws {SystemError} `EACCES` the child has executed a program: `posixSpawn` with `processGroup` comes before that
 * @throws {SystemError} `EINVAL` a negative group
 * @throws {SystemError} `EPERM` a group of another session, or none; or the process began its session
 * @throws {SystemError} `ESRCH` neither this process nor a child of it
 * @see https://man7.org/linux/man-pages/man2/setpgid.2.html
 */
export function setpgid(pid: number, group: number): void {
  checkInt32("pid", pid);
  checkInt32("group", group);
  if (calls().setpgid(pid, group) !== 0) throw failedCall("setpgid");
}

/**
 * `pid_t getsid(pid_t pid)` — The session of a process.
 *
 * @param pid 0 for this process
 * @throws {SystemError} `ESRCH` no such process
 * @see https://man7.org/linux/man-pages/man2/getsid.2.html
 */
export function getsid(pid = 0): number {
  checkInt32("pid", pid);
  const session: number = calls().getsid(pid);
  if (session < 0) throw failedCall("getsid");
  return session;
}

/**
 * `pid_t setsid(void)` — Begins a session and a group of this process's own, without a terminal.
 *
 * @returns the session, which has the number of this process
 * @throws {SystemError} `EPERM` this process began its group already
 * @see https://man7.org/linux/man-pages/man2/setsid.2.html
 */
export function setsid(): number {
  const session: number = calls().setsid();
  if (session < 0) throw failedCall("setsid");
  return session;
}
