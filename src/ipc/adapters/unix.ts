/*
 * `unix:/PATH` and `unix:@NAME`: a unix stream socket from one sender to one receiver.
 *
 * Limits and deviations
 * - The receiver listens and the sender connects. A receiver opens at once; a sender opens when there is a receiver, and waits for it.
 * - A receiver takes one sender, for good. A sender that comes after that one has closed waits for the next receiver.
 * - With framing "lines" and "raw" a death looks like a close, on both sides, and descriptors cannot be sent.
 * - A path has a second file beside it, PATH.lock, which keeps the ends exclusive. It goes with the last end. An abstract name needs none;
 *   its sender holds a second name.
 * - An abstract name has no permissions: only the check of the user keeps others out. It belongs to a network namespace.
 */
import { lstatSync, unlinkSync } from "node:fs";
import { domainError } from "../../error-table.ts";
import { IpcError } from "../../errors.ts";
import { close } from "../../ffi/fd.ts";
import { TimeLimit } from "../../wait/time-limit.ts";
import type { UnixAddress } from "../address.ts";
import type { Link, Side } from "../link.ts";
import type { ChannelOptions } from "../options.ts";
import { DEFAULT_FRAMING, DEFAULT_MAX_MESSAGE_BYTES, DEFAULT_MODE } from "../recommended.ts";
import { connectWhenListening } from "../unix-link/connect-when-listening.ts";
import { ConnectedSocket } from "../unix-link/connected-socket.ts";
import { ListeningSocket } from "../unix-link/listening-socket.ts";
import { LockFile } from "../unix-link/lock-file.ts";
import { setBuffer } from "../unix-link/set-buffer.ts";
import { type Connections, UnixEnd, type UnixEndParts } from "../unix-link/unix-end.ts";

const SUPPORTS: UnixEndParts["supports"] = {
  exclusiveSender: true,
  exclusiveReceiver: true,
  receiverFirst: true,
  named: true,
};

/** More than one, so that a stranger who connects first does not keep the sender out: the receiver passes over him. */
const BACKLOG = 16;

/**
 * Opens one end.
 *
 * @throws {IpcError} `IPC_BUSY` when that end is held; `IPC_EXISTS` when the path names something that is not a socket; `IPC_TIMEOUT`,
 *   `IPC_ABORTED`; `IPC_NOT_FOUND` when its folder does not exist; `IPC_PERMISSION`, also when another user's process listens; `IPC_LIMIT`
 */
export async function open(address: UnixAddress, side: Side, options: ChannelOptions): Promise<Link> {
  const what = `Cannot open ${address.text} as ${side}`;
  return side === "receiver" ? openReceiver(address, options, what) : openSender(address, options, what);
}

/**
 * Removes the file that a process left which was killed. An abstract name goes with its process.
 *
 * @returns false when there is none
 * @throws {IpcError} `IPC_BUSY` while an end is open; `IPC_EXISTS` when the path names something that is not a socket; `IPC_PERMISSION`
 */
export async function remove({ socket: path, text }: UnixAddress): Promise<boolean> {
  if (path.startsWith("\0")) return false;
  const what = `Cannot remove ${text}`;
  try {
    const removed = LockFile.whenFree(path, what, () => removeSocket(path, what));
    if (removed !== undefined) return removed;
  } catch (error) {
    throw domainError("remove", error, what);
  }
  throw new IpcError("IPC_BUSY", `${what}: an end of it is open. Close it first`);
}

function removeSocket(path: string, what: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return false;
  if (!found.isSocket())
    throw new IpcError("IPC_EXISTS", `${what}: there is something at this path that is not a socket`);
  unlinkSync(path);
  return true;
}

function openReceiver(address: UnixAddress, options: ChannelOptions, what: string): Link {
  const listening = ListeningSocket.open(address, BACKLOG, options.mode ?? DEFAULT_MODE, what);
  const source: Connections = {
    fd: listening.fd,
    tryAccept() {
      for (;;) {
        const fd = listening.tryAccept(address.text);
        if (fd === undefined) return undefined;
        const socket = new ConnectedSocket(fd, ["receiver"]);
        if (options.otherUsers === true || socket.sameUser) {
          listening.refuse();
          return socket;
        }
        socket.close();
      }
    },
  };
  return endOf(address, "receiver", source, options, () => listening.close());
}

async function openSender(address: UnixAddress, options: ChannelOptions, what: string): Promise<Link> {
  const limit = new TimeLimit(`Opening ${address.text} as sender`, options);
  const { fd, leave } = await connectWhenListening(address, options.mode ?? DEFAULT_MODE, what, limit);
  try {
    setBuffer(fd, options.capacity, address.text);
    const socket = new ConnectedSocket(fd, ["sender"]);
    if (options.otherUsers !== true && !socket.sameUser) {
      const { pid, uid } = socket.credentials;
      throw new IpcError(
        "IPC_PERMISSION",
        `${what}: user ${uid} listens there, in process ${pid}. Open it with otherUsers: true to send to another user`,
      );
    }
    return endOf(address, "sender", socket, options, leave);
  } catch (error) {
    close(fd);
    leave();
    throw error;
  }
}

function endOf(
  { text }: UnixAddress,
  side: Side,
  source: UnixEndParts["source"],
  { framing = DEFAULT_FRAMING, maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES }: ChannelOptions,
  afterClose: () => void,
): Link {
  return new UnixEnd({
    address: text,
    side,
    source,
    framing,
    maxMessageBytes,
    supports: SUPPORTS,
    oneWay: true,
    afterClose,
  });
}
