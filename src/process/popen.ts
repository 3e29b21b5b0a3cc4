import { domainError } from "../error-table.ts";
import { O_NONBLOCK, O_RDWR, SIGPIPE, SIGXFSZ } from "../ffi/abi/current.ts";
import { getDescriptorFlags, getStatusFlags, setStatusFlags } from "../ffi/fcntl.ts";
import { close, pipe2 } from "../ffi/fd.ts";
import { type FileAction, posixSpawn, posixSpawnp, type SpawnOptions } from "../ffi/spawn.ts";
import { checkOptionNames } from "../objects/check-option-names.ts";
import { Child } from "./child.ts";
import { Popen } from "./popen-handle.ts";

/** Which way the bytes go: `"r"` reads what the program writes to its standard output, `"w"` writes to its standard input. */
export type PipeDirection = "r" | "w";

/** How the program starts. */
export interface PopenOptions {
  /** The folder in which it starts. Default: that of this process. */
  cwd?: string;
  /** Its whole environment. Default: that of this process. */
  env?: Readonly<Record<string, string | undefined>>;
  /** Its standard error: that of this process (the default), nowhere, or, with `"r"`, into the pipe. */
  stderr?: "inherit" | "ignore" | "pipe";
}

/**
 * Starts a program with one pipe from its standard output, or to its standard input, as `popen(3)` does. The other two streams are those
 * of this process. It starts with no signal blocked or, as far as the runtime is the reason, ignored. Of this process's pipes, and of those
 * of other programs that were started, it gets none.
 *
 * `close()` it: that waits for the program, which otherwise stays in the system's list of processes after its end.
 *
 * @param command what `/bin/sh -c` takes; or, as an array, a program, looked for in `PATH`, and its arguments, without a shell
 * @param direction `"r"` or `"w"`
 * @throws {IpcError} `IPC_NOT_FOUND` no such program or folder; a shell starts, and ends with 127 for a command that it does not find
 * @throws {IpcError} `IPC_PERMISSION` not a program that this user may run
 * @throws {IpcError} `IPC_LIMIT` no process, descriptor or memory left
 * @throws {IpcError} `IPC_UNSUPPORTED` Linux before 5.3, or `cwd` with glibc before 2.29
 * @throws {TypeError} a wrong argument
 * @throws {RangeError} an empty command, or a NUL character
 * @see https://man7.org/linux/man-pages/man3/popen.3.html
 *
 * @example Read what a program writes
 * ```ts
 * import { popen } from "millrace";
 *
 * const child = popen("echo one; echo two; exit 3", "r");
 * for await (const line of child.lines()) console.log(line);
 * const status = await child.close();
 * console.log(status.kind === "exited" && status.code);
 * // Output:
 * // one
 * // two
 * // 3
 * ```
 */
export function popen(
  command: string | readonly string[],
  direction: PipeDirection,
  options: PopenOptions = {},
): Popen {
  check(command, direction, options);
  const { stderr = "inherit" } = options;
  const [readEnd, writeEnd] = makePipe();
  const [ours, theirs] = direction === "r" ? [readEnd, writeEnd] : [writeEnd, readEnd];
  try {
    // the ends of a pipe have flags of their own: the program's stays a blocking one
    setStatusFlags(ours, getStatusFlags(ours) | O_NONBLOCK);
    const fileActions: FileAction[] = [{ action: "dup2", from: theirs, to: direction === "r" ? 1 : 0 }];
    const inherited = direction === "r" ? [0] : [1];
    if (stderr === "inherit") inherited.push(2);
    // Node has its standard streams closed in children, unless they are asked for
    for (const fd of inherited)
      if (fd !== ours && fd !== theirs && isOpen(fd)) fileActions.push({ action: "dup2", from: fd, to: fd });
    if (stderr === "pipe") fileActions.push({ action: "dup2", from: 1, to: 2 });
    if (stderr === "ignore") fileActions.push({ action: "open", fd: 2, path: "/dev/null", flags: O_RDWR });
    if (options.cwd !== undefined) fileActions.push({ action: "chdir", path: options.cwd });
    return new Popen(start(command, options, fileActions), direction, ours, nameOf(command));
  } catch (error) {
    close(ours);
    throw error;
  } finally {
    close(theirs);
  }
}

function isOpen(fd: number): boolean {
  try {
    getDescriptorFlags(fd);
    return true;
  } catch {
    return false;
  }
}

function makePipe(): [readEnd: number, writeEnd: number] {
  try {
    return pipe2();
  } catch (error) {
    throw domainError("spawn", error, "Cannot make a pipe for a program");
  }
}

function start(
  command: string | readonly string[],
  { cwd, env }: PopenOptions,
  fileActions: readonly FileAction[],
): Child {
  const options: SpawnOptions = { fileActions, signalMask: [], defaultSignals: [SIGPIPE, SIGXFSZ] };
  if (env !== undefined) options.env = env;
  let pid: number;
  try {
    pid =
      typeof command === "string"
        ? posixSpawn("/bin/sh", ["sh", "-c", "--", command], options)
        : posixSpawnp(command[0] as string, command, options);
  } catch (error) {
    const remedy =
      typeof command !== "string" && command.length === 1 && /\s/.test(command[0] as string)
        ? `, a program of that name. Write its arguments apart, such as ["ls", "-l"], or give a string to the shell`
        : "";
    throw domainError(
      "spawn",
      error,
      `Cannot start ${nameOf(command)}${cwd === undefined ? "" : ` in ${cwd}`}${remedy}`,
    );
  }
  return new Child(pid);
}

function nameOf(command: string | readonly string[]): string {
  return JSON.stringify(typeof command === "string" ? command : command[0]);
}

function check(command: unknown, direction: unknown, options: PopenOptions): void {
  const isText = (value: unknown) => typeof value === "string";
  if (!isText(command) && !(Array.isArray(command) && command.every(isText))) {
    throw new TypeError(
      `The command is ${String(command)}, but must be a string for the shell, or an array of strings`,
    );
  }
  if ((command as string | string[]).length === 0) {
    throw new RangeError("The command is empty, but must name a program");
  }
  if (direction !== "r" && direction !== "w") {
    throw new TypeError(`The direction is ${String(direction)}, but must be "r" or "w"`);
  }
  checkOptionNames("popen()", options, { cwd: "", env: "", stderr: "" });
  const { cwd, stderr = "inherit" } = options;
  if (cwd !== undefined && !isText(cwd)) throw new TypeError(`cwd is ${String(cwd)}, but must be a path`);
  if (!["inherit", "ignore", "pipe"].includes(stderr)) {
    throw new TypeError(`stderr is ${String(stderr)}, but must be "inherit", "ignore" or "pipe"`);
  }
  if (stderr === "pipe" && direction === "w") {
    throw new TypeError('stderr is "pipe", which needs the direction "r", but the direction is "w"');
  }
}
