import { readdirSync, readFileSync } from "node:fs";

/** Where objects live that outlast a process and belong to the whole machine. */
const SYSV = [
  ["shm", "segment"],
  ["msg", "message queue"],
  ["sem", "semaphore array"],
] as const;
const FOLDERS = ["/dev/shm", "/dev/mqueue"];

/** Names every SysV object, `/dev/shm` entry and POSIX queue that exists now. */
export function sharedObjects(): Set<string> {
  const objects = new Set<string>();
  for (const [file, name] of SYSV) {
    // columns: key, id, …; the first line is the heading
    for (const line of readOrEmpty(`/proc/sysvipc/${file}`).split("\n").slice(1)) {
      const [key, id] = line.trim().split(/\s+/);
      if (id !== undefined) objects.add(`SysV ${name} ${id} (key ${key})`);
    }
  }
  for (const folder of FOLDERS) {
    for (const name of listOrEmpty(folder)) if (!name.startsWith(OWN_PREFIX)) objects.add(`${folder}/${name}`);
  }
  return objects;
}

/** The private folders that the runner itself makes; it checks them by itself. */
export const OWN_PREFIX = "millrace-test-";

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

function listOrEmpty(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
