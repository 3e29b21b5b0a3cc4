import { kill } from "../../ffi/signal.ts";
import type { ObjectProcess } from "./object-info.ts";

/** Whether there is a process of that number, whoever's it is. */
export function isProcessAlive(pid: number): boolean {
  try {
    kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { code?: string }).code !== "ESRCH";
  }
}

/** The entries that name a process; 0 stands for none. */
export function processesOf(roles: readonly (readonly [role: string, pid: number])[]): ObjectProcess[] {
  return roles.filter(([, pid]) => pid > 0).map(([role, pid]) => ({ pid, role, alive: isProcessAlive(pid) }));
}
