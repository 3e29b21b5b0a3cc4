import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { tmpdir } from "node:os";

/** The private folders that the runner itself makes; it checks them by itself. */
export const OWN_PREFIX = "millrace-test-";

/** Whether a live process uses the object, as far as the kernel tells. */
export type IsHeld = () => boolean;

/** Every object that outlasts a process and belongs to the whole machine: SysV objects, `/dev/shm` entries, POSIX queues. */
export function sharedObjects(): Map<string, IsHeld> {
  const objects = new Map<string, IsHeld>();
  for (const { key, shmid, nattch } of rowsOf("shm")) {
    objects.set(`SysV segment ${shmid} (key ${key})`, () => nattch !== "0");
  }
  for (const { key, msqid, lspid, lrpid } of rowsOf("msg")) {
    objects.set(`SysV message queue ${msqid} (key ${key})`, () => isAlive(lspid) || isAlive(lrpid));
  }
  for (const { key, semid } of rowsOf("sem")) {
    objects.set(`SysV semaphore array ${semid} (key ${key})`, () => false);
  }
  for (const name of readdirSync("/dev/shm")) {
    if (!name.startsWith(OWN_PREFIX)) objects.set(`/dev/shm/${name}`, () => isOpen(`/dev/shm/${name}`));
  }
  // what a process has open of a file system that is mounted elsewhere, or nowhere, has the path in that
  for (const name of posixQueues()) objects.set(`POSIX queue /${name}`, () => isOpen(`/${name}`));
  return objects;
}

const MQUEUE = "/dev/mqueue";

/** The names of the POSIX queues. Where their file system is not mounted, root mounts it for himself. */
function posixQueues(): string[] {
  if (existsSync(MQUEUE)) return readdirSync(MQUEUE);
  if (process.getuid?.() !== 0) return [];
  const script = 'mount -t mqueue none "$1" && exec ls -A "$1"';
  const { status, stdout } = spawnSync("unshare", ["-m", "sh", "-c", script, "sh", tmpdir()], { encoding: "utf8" });
  return status === 0 ? stdout.split("\n").filter((name) => name !== "") : [];
}

/** The rows of a table in `/proc/sysvipc`, by column name. */
function rowsOf(table: string): Record<string, string>[] {
  const file = `/proc/sysvipc/${table}`;
  const [head = [], ...rows] = existsSync(file)
    ? readFileSync(file, "utf8")
        .trimEnd()
        .split("\n")
        .map((line) => line.trim().split(/\s+/))
    : [];
  return rows.map((row) => Object.fromEntries(head.map((name, index) => [name, row[index] ?? ""])));
}

function isAlive(pid: string | undefined): boolean {
  return pid !== undefined && pid !== "0" && existsSync(`/proc/${pid}`);
}

/** Whether a process has the file, or one below it, open or mapped. */
function isOpen(path: string): boolean {
  const isInside = (file: string) => file === path || file.startsWith(`${path}/`);
  for (const pid of readdirSync("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      if (readdirSync(`/proc/${pid}/fd`).some((fd) => isInside(linkOf(`/proc/${pid}/fd/${fd}`)))) return true;
      const mapped = readFileSync(`/proc/${pid}/maps`, "utf8").split("\n");
      if (mapped.some((line) => isInside(line.slice(line.indexOf("/"))))) return true;
    } catch {
      // ended meanwhile, or another user's
    }
  }
  return false;
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
