/*
 * `pipe:FD` and `Channel.pipe()`: anonymous pipes, in one process or between a process and its children.
 *
 * Limits and deviations
 * - The sender does not learn whether its receiver closed or died: both are `IPC_CLOSED`. With framing "lines" and "raw" the receiver does
 *   not learn it of its sender either: both are the end.
 * - Several processes may write to one pipe, as long as their messages fit into PIPE_BUF (4096 bytes with the frame).
 * - `pipe:FD` takes the descriptor over: from 3 on it is closed, and what is read or written is a descriptor of the channel's own, for the
 *   inherited one may share its open file, and so O_NONBLOCK, with other processes. Descriptors 0 to 2 become /dev/null when the channel
 *   closes, so that nothing else gets their number. Deno has copies of these three for itself, as Bun has once `process.stdout` was used,
 *   so there the other side sees the end only when the process ends.
 */
import { closeSync } from "node:fs";
import { domainError } from "../../error-table.ts";
import { IpcError } from "../../errors.ts";
import {
  FD_CLOEXEC,
  O_ACCMODE,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
} from "../../ffi/abi/current.ts";
import { getStatusFlags, setDescriptorFlags, setStatusFlags } from "../../ffi/fcntl.ts";
import { close, dup3, type FileStatus, fstat, open as openFile, pipe2 } from "../../ffi/fd.ts";
import type { SystemError } from "../../ffi/system-error.ts";
import { runtime } from "../../runtime.ts";
import type { PipeAddress } from "../address.ts";
import { ByteStream, type ByteStreamParts } from "../byte-stream.ts";
import type { Link, Side } from "../link.ts";
import type { ChannelOptions } from "../options.ts";
import { ignoreBrokenPipes, setCapacity } from "../pipe-settings.ts";
import { DEFAULT_FRAMING, DEFAULT_MAX_MESSAGE_BYTES } from "../recommended.ts";

/** The end of a pipe that is meant for a child process. */
export interface ChildEnd {
  /** Which end the child gets: what it opens as `Channel.sender` or `Channel.receiver`. */
  readonly side: Side;
  /** The descriptor, blocking and closed in child processes: give it to `spawn` in `stdio`, which makes a copy for the child. */
  readonly fd: number;
  /** Whether every child process inherits the descriptor, under the same number, for ways to start one that have no `stdio` list. */
  inheritable(yes: boolean): void;
  /** Closes it here; the child keeps its copy. Call it when the child was started: the pipe ends only when every copy is closed. */
  close(): void;
}

const SUPPORTS: ByteStreamParts["supports"] = {
  exclusiveSender: false,
  exclusiveReceiver: false,
  processes: true,
  senderFirst: true,
  receiverFirst: true,
  named: false,
  peerPid: false,
};

/**
 * Takes over a descriptor that this process inherited, or opened.
 *
 * @throws {IpcError} `IPC_NOT_FOUND` when there is no such descriptor; `IPC_UNSUPPORTED` when it is not a pipe; `IPC_CLOSED` when it is
 *   a FIFO whose receiver has gone; `IPC_LIMIT`; `IPC_PERMISSION`
 * @throws {TypeError} when it is the other end of a pipe
 */
export async function open(address: PipeAddress, side: Side, options: ChannelOptions): Promise<Link> {
  const what = `Cannot open ${address.text} as ${side}`;
  const status = statusOf(address.fd, what);
  checkKind(status, what);
  checkAccess(address.fd, side, what);
  const fd = reopen(address.fd, side, what);
  try {
    const takeOver = address.fd > 2 ? undefined : () => detachStandardStream(address.fd, status);
    const link = linkOf(fd, address.text, side, options, takeOver);
    if (address.fd > 2) letGo(address.fd, status);
    return link;
  } catch (error) {
    close(fd);
    throw error;
  }
}

/** A pipe goes with its descriptors: there is nothing to remove. */
export async function remove(): Promise<boolean> {
  return false;
}

/** Makes a pipe with both ends in this process. */
export async function pair(options: ChannelOptions): Promise<{ sender: Link; receiver: Link }> {
  const [readEnd, writeEnd] = makePipe(O_NONBLOCK);
  const { capacity: _, ...others } = options;
  try {
    return {
      sender: linkOf(writeEnd, `pipe:${writeEnd}`, "sender", options),
      receiver: linkOf(readEnd, `pipe:${readEnd}`, "receiver", others),
    };
  } catch (error) {
    close(readEnd);
    close(writeEnd);
    throw error;
  }
}

/**
 * Makes a pipe with one end in this process and the other for a child.
 *
 * @param childSide what the child is: `"receiver"` when this process sends
 */
export async function pairForChild(childSide: Side, options: ChannelOptions): Promise<{ link: Link; child: ChildEnd }> {
  const [readEnd, writeEnd] = makePipe(0);
  const [ownEnd, childEnd] = childSide === "receiver" ? [writeEnd, readEnd] : [readEnd, writeEnd];
  const child = new PipeChildEnd(childEnd, childSide);
  try {
    // nobody shares this end yet, and the other one is an open file of its own
    setStatusFlags(ownEnd, getStatusFlags(ownEnd) | O_NONBLOCK);
    const side = childSide === "receiver" ? "sender" : "receiver";
    return { link: linkOf(ownEnd, `pipe:${ownEnd}`, side, options, () => child.close()), child };
  } catch (error) {
    close(ownEnd);
    child.close();
    throw error;
  }
}

class PipeChildEnd implements ChildEnd {
  readonly fd: number;
  readonly side: Side;
  #closed = false;

  constructor(fd: number, side: Side) {
    this.fd = fd;
    this.side = side;
  }

  inheritable(yes: boolean): void {
    if (!this.#closed) setDescriptorFlags(this.fd, yes ? 0 : FD_CLOEXEC);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    close(this.fd);
  }
}

function makePipe(flags: number): [readEnd: number, writeEnd: number] {
  try {
    return pipe2(flags);
  } catch (error) {
    throw domainError("create", error, "Cannot make a pipe");
  }
}

function linkOf(fd: number, address: string, side: Side, options: ChannelOptions, afterClose?: () => void): Link {
  const { capacity, framing = DEFAULT_FRAMING, maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES } = options;
  setCapacity(fd, capacity, address);
  if (side === "sender") ignoreBrokenPipes();
  return new ByteStream({ address, side, fd, framing, maxMessageBytes, supports: SUPPORTS, afterClose });
}

function statusOf(fd: number, what: string): FileStatus {
  try {
    return fstat(fd);
  } catch (error) {
    if ((error as SystemError).code !== "EBADF") throw error;
    throw new IpcError(
      "IPC_NOT_FOUND",
      `${what}: this process has no descriptor ${fd}. Give it one when it is started, as ` +
        "spawn(command, args, { stdio: [0, 1, 2, fd] }) does for pipe:3",
      { cause: error },
    );
  }
}

function checkKind({ mode }: FileStatus, what: string): void {
  const kind = mode & S_IFMT;
  if (kind === S_IFIFO) return;
  const [found, remedy] = OTHER_KINDS.get(kind) ?? ["not a pipe", "Start this process with a pipe there"];
  throw new IpcError("IPC_UNSUPPORTED", `${what}: the descriptor is ${found}. ${remedy}`);
}

const OTHER_KINDS: ReadonlyMap<number, readonly [found: string, remedy: string]> = new Map([
  [
    S_IFSOCK,
    [
      "a socket",
      'Start this process with an end of a pipe there: what stdio: "pipe" makes is a socket on Bun and Node',
    ],
  ],
  [S_IFREG, ["a file", "Read and write it with node:fs, or put `cat FILE |` or `| cat >FILE` around this process"]],
  [S_IFDIR, ["a folder", "Start this process with a pipe there"]],
  [S_IFBLK, ["a block device", "Put `cat DEVICE |` in front of this process"]],
  [S_IFCHR, ["a terminal or another device", "Put `cat |` or `| cat` around this process"]],
]);

function checkAccess(fd: number, side: Side, what: string): void {
  const access = getStatusFlags(fd) & O_ACCMODE;
  if (access === O_RDWR || access === (side === "sender" ? O_WRONLY : O_RDONLY)) return;
  const found = access === O_RDONLY ? "reading" : access === O_WRONLY ? "writing" : "neither reading nor writing";
  const wanted = side === "sender" ? "the end to write to" : "the end to read from";
  throw new TypeError(`${what}: the descriptor is open for ${found}, and a ${side} needs ${wanted}`);
}

/** A second open file for the same pipe, non-blocking, with the flags of the first untouched. */
function reopen(fd: number, side: Side, what: string): number {
  try {
    return openFile(`/proc/self/fd/${fd}`, (side === "sender" ? O_WRONLY : O_RDONLY) | O_NONBLOCK);
  } catch (error) {
    const { code } = error as SystemError;
    if (code === "ENXIO") throw new IpcError("IPC_CLOSED", `${what}: the receiver has closed`, { cause: error });
    if (code === "ENOENT") throw new IpcError("IPC_UNSUPPORTED", `${what}: needs /proc mounted`, { cause: error });
    throw domainError("open", error, `${what}: the pipe belongs to another user`);
  }
}

/** Closes the inherited descriptor. Deno has a copy of what came by `stdio`, under the same number for node:fs, and keeps it open. */
function letGo(fd: number, status: FileStatus): void {
  if (runtime === "deno") {
    try {
      closeSync(fd);
    } catch {
      // it knows nothing of this one
    }
  }
  if (isStill(fd, status)) close(fd);
}

function isStill(fd: number, { dev, ino }: FileStatus): boolean {
  try {
    const now = fstat(fd);
    return now.dev === dev && now.ino === ino;
  } catch {
    return false;
  }
}

/** Lets go of a standard stream whose number must stay taken. */
function detachStandardStream(fd: number, status: FileStatus): void {
  if (!isStill(fd, status)) return;
  const nothing = openFile("/dev/null", O_RDWR);
  dup3(nothing, fd);
  close(nothing);
}
