import process from "node:process";
import {
  POSIX_SPAWN_FILE_ACTIONS,
  POSIX_SPAWN_SETPGROUP,
  POSIX_SPAWN_SETSID,
  POSIX_SPAWN_SETSIGDEF,
  POSIX_SPAWN_SETSIGMASK,
  POSIX_SPAWNATTR,
} from "./abi/current.ts";
import { EINTR } from "./abi/errno.ts";
import { lazyBind } from "./bind.ts";
import { cString } from "./c-string.ts";
import { checkInt32, checkUint32 } from "./check.ts";
import type { NativeFunction } from "./library.ts";
import { recommendedLibrary } from "./recommended.ts";
import { INTERRUPTED, WOULD_BLOCK } from "./results.ts";
import { scratch, scratchAddress } from "./scratch.ts";
import { fillSignalSet } from "./signal-set.ts";
import { lastErrno, SystemError } from "./system-error.ts";
import { type ChildStatus, decodeWaitStatus } from "./wait-status.ts";

/**
 * Starting programs, and waiting for them. The runtime knows nothing of these children: whoever starts one has to `waitpid` for it.
 * A child inherits which signals are ignored, and every runtime ignores `SIGPIPE`: see `defaultSignals`.
 */

// these functions return the errno, except waitpid
const calls = lazyBind({
  posix_spawn: { parameters: ["pointer", "buffer", "pointer", "pointer", "pointer", "pointer"], result: "i32" },
  posix_spawnp: { parameters: ["pointer", "buffer", "pointer", "pointer", "pointer", "pointer"], result: "i32" },
  posix_spawn_file_actions_init: { parameters: ["pointer"], result: "i32" },
  posix_spawn_file_actions_adddup2: { parameters: ["pointer", "i32", "i32"], result: "i32" },
  posix_spawn_file_actions_addclose: { parameters: ["pointer", "i32"], result: "i32" },
  posix_spawn_file_actions_addopen: { parameters: ["pointer", "i32", "buffer", "i32", "u32"], result: "i32" },
  posix_spawn_file_actions_destroy: { parameters: ["pointer"], result: "i32" },
  posix_spawnattr_init: { parameters: ["pointer"], result: "i32" },
  // a short, which is passed as an int
  posix_spawnattr_setflags: { parameters: ["pointer", "i32"], result: "i32" },
  posix_spawnattr_setpgroup: { parameters: ["pointer", "i32"], result: "i32" },
  posix_spawnattr_setsigmask: { parameters: ["pointer", "pointer"], result: "i32" },
  posix_spawnattr_setsigdefault: { parameters: ["pointer", "pointer"], result: "i32" },
  posix_spawnattr_destroy: { parameters: ["pointer"], result: "i32" },
  waitpid: { parameters: ["i32", "buffer", "i32"], result: "i32" },
});

// since glibc 2.29
const chdirCalls = lazyBind({
  posix_spawn_file_actions_addchdir_np: { parameters: ["pointer", "buffer"], result: "i32" },
});

/** What happens to the descriptors of a child before its program begins, one after the other. */
export type FileAction =
  /** `to` becomes a copy of `from`, open in the program, also when both are the same. */
  | { action: "dup2"; from: number; to: number }
  | { action: "close"; fd: number }
  | { action: "open"; fd: number; path: string; flags: number; mode?: number }
  /** Changes the folder in which later actions find relative paths, and the program begins; glibc 2.29 or newer. */
  | { action: "chdir"; path: string };

/** How a child starts. */
export interface SpawnOptions {
  /** Its environment; else `process.env`. */
  env?: Readonly<Record<string, string | undefined>>;
  /** Its descriptors: those of this process that are not closed on exec, changed by these actions. */
  fileActions?: readonly FileAction[];
  /** The process group to join; 0 makes a new one of its own. */
  processGroup?: number;
  /** Whether it gets a session of its own, without a terminal. */
  newSession?: boolean;
  /** The signals that are blocked in it; else those of this thread. */
  signalMask?: readonly number[];
  /** Signals that do in it what they do by default, also when this process ignores them. */
  defaultSignals?: readonly number[];
}

/**
 * `int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *file_actions, const posix_spawnattr_t *attrp, char
 * *const argv[], char *const envp[])` — Starts a program.
 *
 * @param args all of them, the first of which is by custom the program's name
 * @returns the process id of the child, for {@link waitpid}
 * @throws {SystemError} `E2BIG` too many arguments
 * @throws {SystemError} `EACCES` not a program that this user may run
 * @throws {SystemError} `EAGAIN`, `ENOMEM` the limit of processes, or no memory
 * @throws {SystemError} `EBADF` a file action on a descriptor that is not open (`dup2`) or not possible
 * @throws {SystemError} `EINVAL` no such signal, or a process group below 0
 * @throws {SystemError} `ELOOP`, `ENAMETOOLONG`, `ENOENT`, `ENOTDIR` the path, or that of a file action
 * @throws {SystemError} `ENOEXEC` not a program
 * @throws {SystemError} `EPERM` no such process group, or not in this session
 * @throws {SystemError} `ETXTBSY` the program is being written
 * @throws {RangeError} a string that holds a NUL character
 * @see https://man7.org/linux/man-pages/man3/posix_spawn.3.html
 *
 * @example Start a program and wait for it
 * ```ts
 * import { posixSpawn, waitpid } from "millrace/ffi";
 *
 * const pid = posixSpawn("/bin/sh", ["sh", "-c", "exit 3"]);
 * console.log(waitpid(pid)); // { pid, kind: "exited", code: 3 }
 * ```
 */
export function posixSpawn(path: string, args: readonly string[], options: SpawnOptions = {}): number {
  return spawn("posix_spawn", path, args, options);
}

/**
 * `int posix_spawnp(pid_t *pid, const char *file, …)` — {@link posixSpawn} of a program that is looked for in `PATH` unless its name has
 * a slash. A file without a format that the system knows is given to `/bin/sh`.
 *
 * @returns the process id of the child, for {@link waitpid}
 * @throws {SystemError} as {@link posixSpawn}
 * @see https://man7.org/linux/man-pages/man3/posix_spawn.3.html
 */
export function posixSpawnp(file: string, args: readonly string[], options: SpawnOptions = {}): number {
  return spawn("posix_spawnp", file, args, options);
}

/**
 * `pid_t waitpid(pid_t pid, int *wstatus, int options)` — How a child ended or, if asked for, changed, and blocks the thread until then.
 * Give the child's id: with -1 or a group it would take children from the runtime.
 *
 * @param flags `WNOHANG`, `WUNTRACED`, `WCONTINUED`, or 0
 * @returns the status; {@link WOULD_BLOCK} when nothing has changed (`WNOHANG`); {@link INTERRUPTED} when a signal ended the wait
 * @throws {SystemError} `ECHILD` not a child of this process, or waited for already
 * @throws {SystemError} `EINVAL` an unknown flag
 * @throws {SystemError} `ESRCH` no process id can be that
 * @see https://man7.org/linux/man-pages/man2/waitpid.2.html
 */
export function waitpid(
  pid: number,
  flags = 0,
): (ChildStatus & { pid: number }) | typeof WOULD_BLOCK | typeof INTERRUPTED {
  checkInt32("pid", pid);
  checkInt32("flags", flags);
  const child: number = calls().waitpid(pid, scratch, flags);
  if (child > 0) return { pid: child, ...decodeWaitStatus(scratch.getInt32(0, true)) };
  if (child === 0) return WOULD_BLOCK;
  const errno = lastErrno();
  if (errno === EINTR) return INTERRUPTED;
  throw new SystemError("waitpid", errno);
}

/*
 * The scratch memory during a call: the pid, posix_spawn_file_actions_t, posix_spawnattr_t, sigset_t.
 */
const ACTIONS_AT = 64;
const ATTRIBUTES_AT: number = ACTIONS_AT + Math.ceil(POSIX_SPAWN_FILE_ACTIONS.sizeof / 64) * 64;
const SIGNALS_AT: number = ATTRIBUTES_AT + Math.ceil(POSIX_SPAWNATTR.sizeof / 64) * 64;

function spawn(
  syscall: "posix_spawn" | "posix_spawnp",
  path: string,
  args: readonly string[],
  options: SpawnOptions,
): number {
  const cPath = cString(path);
  const argv = stringList(args);
  const envp = stringList(assignments(options.env ?? process.env));
  const c = calls();
  const library = recommendedLibrary();
  const actions = scratchAddress() + ACTIONS_AT;
  const attributes = scratchAddress() + ATTRIBUTES_AT;
  check("posix_spawn_file_actions_init", c.posix_spawn_file_actions_init(actions));
  try {
    check("posix_spawnattr_init", c.posix_spawnattr_init(attributes));
    try {
      for (const action of options.fileActions ?? []) addFileAction(c, actions, action);
      setAttributes(c, attributes, options);
      const errno: number = c[syscall](
        scratchAddress(),
        cPath,
        actions,
        attributes,
        library.address(argv),
        library.address(envp),
      );
      if (errno !== 0) throw new SystemError(syscall, errno, path);
      return scratch.getInt32(0, true);
    } finally {
      c.posix_spawnattr_destroy(attributes);
    }
  } finally {
    c.posix_spawn_file_actions_destroy(actions);
  }
}

function addFileAction(c: Record<string, NativeFunction>, actions: number, action: FileAction): void {
  if (action.action === "dup2") {
    checkInt32("from", action.from);
    checkInt32("to", action.to);
    const errno = c.posix_spawn_file_actions_adddup2?.(actions, action.from, action.to);
    check("posix_spawn_file_actions_adddup2", errno);
  } else if (action.action === "close") {
    checkInt32("fd", action.fd);
    check("posix_spawn_file_actions_addclose", c.posix_spawn_file_actions_addclose?.(actions, action.fd));
  } else if (action.action === "open") {
    const { fd, path, flags, mode = 0o600 } = action;
    checkInt32("fd", fd);
    checkInt32("flags", flags);
    checkUint32("mode", mode);
    const errno = c.posix_spawn_file_actions_addopen?.(actions, fd, cString(path), flags, mode);
    check("posix_spawn_file_actions_addopen", errno);
  } else if (action.action === "chdir") {
    const errno = chdirCalls().posix_spawn_file_actions_addchdir_np(actions, cString(action.path));
    check("posix_spawn_file_actions_addchdir_np", errno);
  } else {
    throw new TypeError(
      `A file action is ${JSON.stringify(action)}, but must be of "dup2", "close", "open" or "chdir"`,
    );
  }
}

function setAttributes(c: Record<string, NativeFunction>, attributes: number, options: SpawnOptions): void {
  const { processGroup, newSession = false, signalMask, defaultSignals } = options;
  const signals = scratchAddress() + SIGNALS_AT;
  let flags = newSession ? POSIX_SPAWN_SETSID : 0;
  if (processGroup !== undefined) {
    checkInt32("processGroup", processGroup);
    flags |= POSIX_SPAWN_SETPGROUP;
    check("posix_spawnattr_setpgroup", c.posix_spawnattr_setpgroup?.(attributes, processGroup));
  }
  if (signalMask !== undefined) {
    flags |= POSIX_SPAWN_SETSIGMASK;
    fillSignalSet(signalMask, SIGNALS_AT);
    check("posix_spawnattr_setsigmask", c.posix_spawnattr_setsigmask?.(attributes, signals));
  }
  if (defaultSignals !== undefined) {
    flags |= POSIX_SPAWN_SETSIGDEF;
    fillSignalSet(defaultSignals, SIGNALS_AT);
    check("posix_spawnattr_setsigdefault", c.posix_spawnattr_setsigdefault?.(attributes, signals));
  }
  check("posix_spawnattr_setflags", c.posix_spawnattr_setflags?.(attributes, flags));
}

function assignments(env: Readonly<Record<string, string | undefined>>): string[] {
  return Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
}

/** A `char *const []` with NULL at its end: first the pointers, then the strings. */
function stringList(strings: readonly string[]): DataView {
  const texts = strings.map(cString);
  const pointers = (texts.length + 1) * POINTER_BYTES;
  const list = new DataView(new ArrayBuffer(texts.reduce((sum, { length }) => sum + length, pointers)));
  const bytes = new Uint8Array(list.buffer);
  const start = recommendedLibrary().address(list);
  let at = pointers;
  for (const [index, text] of texts.entries()) {
    list.setBigUint64(index * POINTER_BYTES, BigInt(start + at), true);
    bytes.set(text, at);
    at += text.length;
  }
  return list;
}

const POINTER_BYTES = 8;

function check(syscall: string, errno: number): void {
  if (errno !== 0) throw new SystemError(syscall, errno);
}
