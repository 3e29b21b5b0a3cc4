/**
 * Run by root in a mount and an IPC namespace of its own, where it mounts file systems that are full, read-only or have a quota, and sets
 * limits of IPC objects, or with the argument `users` in a user namespace, where it sets limits of inotify. Prints which calls fail then,
 * and how: a line of `call=CODE` per limit. What it makes goes with the namespace.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  bind,
  close,
  IN_CREATE,
  IPC_PRIVATE,
  inotifyAddWatch,
  inotifyInit1,
  linkDescriptor,
  mkfifo,
  mqOpen,
  msgget,
  O_CREAT,
  O_EXCL,
  O_RDONLY,
  O_RDWR,
  O_TMPFILE,
  open,
  renameExchange,
  SOCK_STREAM,
  SystemError,
  semget,
  semOpen,
  shmget,
  shmOpen,
  socket,
  write,
} from "../../../src/ffi/mod.ts";
import { asNobody } from "../../support/as-nobody.ts";

const [what, folder = ""] = process.argv.slice(2);

function report(limit: string, attempts: Record<string, () => unknown>): void {
  const outcomes = Object.entries(attempts).map(([name, attempt]) => {
    try {
      attempt();
      return `${name}=success`;
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      return `${name}=${error.code}`;
    }
  });
  console.log(`${limit}: ${outcomes.join(" ")}`);
}

function mount(options: string, path: string): void {
  execFileSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", path], { stdio: ["ignore", "ignore", "pipe"] });
}

/** A new folder with a tmpfs of these options. */
function mounted(name: string, options: string): string {
  const path = join(folder, name);
  mkdirSync(path);
  mount(options, path);
  return path;
}

/** The calls that make a name in a folder. */
function makers(path: string): Record<string, () => unknown> {
  return {
    open: () => open(join(path, "file"), O_RDWR | O_CREAT | O_EXCL),
    mkfifo: () => mkfifo(join(path, "fifo")),
    bind: () => bind(socket(SOCK_STREAM), join(path, "sock")),
  };
}

if (what === "users") {
  const fd = inotifyInit1();
  writeFileSync("/proc/sys/user/max_inotify_instances", "1");
  writeFileSync("/proc/sys/user/max_inotify_watches", "1");
  inotifyAddWatch(fd, "/", IN_CREATE);
  report("users", {
    inotifyInit1: () => inotifyInit1(),
    inotifyAddWatch: () => inotifyAddWatch(fd, "/proc", IN_CREATE),
  });
  process.exit(0);
}

// the folder itself takes one, and the file another, and each further name of it
const full = mounted("full", "size=64k,nr_inodes=2");
const nameless = open(full, O_RDWR | O_TMPFILE);
linkDescriptor(nameless, join(full, "name"));
report("full", { ...makers(full), linkDescriptor: () => linkDescriptor(nameless, join(full, "other")) });

const readOnly = mounted("read-only", "size=64k");
const present = open(join(readOnly, "present"), O_RDWR | O_CREAT);
close(present);
execFileSync("mount", ["-o", "remount,ro", readOnly]);
report("read-only", {
  ...makers(readOnly),
  "open to write": () => open(join(readOnly, "present"), O_RDWR),
  linkDescriptor: () => linkDescriptor(nameless, join(readOnly, "name")),
  renameExchange: () => renameExchange(join(readOnly, "present"), join(readOnly, "other")),
});

const devices = mounted("devices", "size=64k");
// of the driver "misc", without such a device
execFileSync("mknod", [join(devices, "nothing"), "c", "10", "254"]);
report("device", { open: () => open(join(devices, "nothing"), O_RDONLY) });

// where every user may go
const path = "/dev/shm";
let hasQuota = true;
try {
  mount("size=1m,mode=777,usrquota,usrquota_inode_hardlimit=1,usrquota_block_hardlimit=4k", path);
} catch {
  hasQuota = false;
  console.log("quota: none in this kernel");
}
if (hasQuota) {
  const file = asNobody(() => open(join(path, "first"), O_RDWR | O_CREAT));
  const attempts = {
    ...makers(path),
    write: () => write(file, new Uint8Array(8192)) && write(file, new Uint8Array(1)),
  };
  report(
    "quota",
    Object.fromEntries(Object.entries(attempts).map(([name, attempt]) => [name, () => asNobody(attempt)])),
  );
}

mount("nr_inodes=1", "/dev/shm");
report("/dev/shm", {
  shmOpen: () => shmOpen("/full", O_RDWR | O_CREAT),
  semOpen: () => semOpen("/full", O_RDWR | O_CREAT),
});

for (const [file, value] of [
  ["kernel/msgmni", "1"],
  ["kernel/shmmni", "1"],
  ["kernel/sem", "250 32000 32 1"],
  ["fs/mqueue/queues_max", "1"],
] as const)
  writeFileSync(join("/proc/sys", file), value);
msgget(IPC_PRIVATE, 0o600);
shmget(IPC_PRIVATE, 1, 0o600);
semget(IPC_PRIVATE, 1, 0o600);
mqOpen("/one", O_RDWR | O_CREAT);
report("IPC", {
  msgget: () => msgget(IPC_PRIVATE, 0o600),
  shmget: () => shmget(IPC_PRIVATE, 1, 0o600),
  semget: () => semget(IPC_PRIVATE, 1, 0o600),
  mqOpen: () => asNobody(() => mqOpen("/two", O_RDWR | O_CREAT)),
});
