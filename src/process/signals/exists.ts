import { checkInt32 } from "../../ffi/check.ts";
import { kill } from "../../ffi/signal.ts";

/**
 * Whether there is a process with that id, also another user's. One that has ended counts until its parent has waited for it. The id
 * may mean another process a moment later.
 *
 * @param pid a process id, or the negative of a group's
 * @throws {RangeError} 0 or -1
 * @see https://man7.org/linux/man-pages/man2/kill.2.html
 *
 * @example Look for this very process
 * ```ts
 * import { signals } from "millrace";
 *
 * console.log(signals.exists(process.pid)); // true
 * ```
 */
export function exists(pid: number): boolean {
  checkInt32("pid", pid);
  if (pid === 0 || pid === -1) {
    throw new RangeError(`The process id is ${pid}, but must be that of one process, or the negative of a group's`);
  }
  try {
    kill(pid, 0);
    return true;
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (code === "EPERM") return true;
    if (code === "ESRCH") return false;
    throw error;
  }
}
