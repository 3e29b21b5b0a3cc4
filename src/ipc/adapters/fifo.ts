/*
 * `fifo:/PATH`: a named pipe.
 *
 * Limits and deviations
 * - The sender does not learn whether its receiver closed or died: both are `IPC_CLOSED`. With framing "lines" and "raw" the receiver does
 *   not learn it of its sender either: both are the end.
 * - A sender opens when there is a receiver. A receiver opens at once, and a channel that no sender has come to yet has not ended.
 * - Several senders may write to one FIFO, as long as their messages fit into PIPE_BUF (4096 bytes with the frame). The channel ends when
 *   the last of them has closed; of several, only the death of the last is noticed.
 * - The end that made the FIFO removes it when it closes. One that was there before stays, as does one whose maker was killed.
 */

import { resolve } from "node:path";
import { domainError } from "../../error-table.ts";
import { O_NONBLOCK, O_RDONLY, O_WRONLY } from "../../ffi/abi/current.ts";
import { ENOENT } from "../../ffi/abi/errno.ts";
import { close, open as openFile } from "../../ffi/fd.ts";
import { SystemError } from "../../ffi/system-error.ts";
import { type Ownership, own } from "../../objects/own.ts";
import { TimeLimit } from "../../wait/time-limit.ts";
import type { FifoAddress } from "../address.ts";
import { ByteStream, type ByteStreamParts } from "../byte-stream.ts";
import {
  checkedIdentity,
  type FileIdentity,
  identify,
  makeFifo,
  openPath,
  removeFifo,
} from "../fifo-link/fifo-file.ts";
import { openWhenRead } from "../fifo-link/open-when-read.ts";
import type { Link, Side } from "../link.ts";
import type { ChannelOptions } from "../options.ts";
import { ignoreBrokenPipes, setCapacity } from "../pipe-settings.ts";
import { DEFAULT_FRAMING, DEFAULT_MAX_MESSAGE_BYTES, DEFAULT_MODE } from "../recommended.ts";

const SUPPORTS: ByteStreamParts["supports"] = {
  exclusiveSender: false,
  exclusiveReceiver: false,
  processes: true,
  senderFirst: false,
  receiverFirst: true,
  named: true,
  peerPid: false,
};

/** How often a path may change under one opening before that is no accident. */
const MOST_TRIES = 100;

/**
 * Opens one end, and makes the FIFO when there is none.
 *
 * @throws {IpcError} `IPC_EXISTS` when the path names something else; `IPC_TIMEOUT`, `IPC_ABORTED`; `IPC_NOT_FOUND` when its folder does
 *   not exist; `IPC_PERMISSION`; `IPC_LIMIT`
 * @throws {SystemError} `ENXIO` for a sender with `wait: false` when there is no receiver
 */
export async function open(address: FifoAddress, side: Side, options: ChannelOptions): Promise<Link> {
  const what = `Cannot open ${address.text} as ${side}`;
  const limit = new TimeLimit(`Opening ${address.text} as ${side}`, options);
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    limit.throwIfAborted();
    const made = makeFifo(address.path, options.mode ?? DEFAULT_MODE, what);
    const ownership = made && own("fifo", resolve(address.path), () => removeFifo(address.path, made));
    try {
      const fd =
        side === "receiver" ? openReader(address.path, what) : await openWriter(address.path, what, options, limit);
      if (fd !== undefined) return linkOf(fd, address, side, options, made && { ...made, ownership }, what);
      ownership?.release();
    } catch (error) {
      if (made !== undefined) giveUp(address.path, made, what);
      ownership?.release();
      throw domainError("open", error, what);
    }
  }
  // such as a symbolic link to nowhere
  throw domainError("open", new SystemError("open", ENOENT, address.path), what);
}

/**
 * Removes the FIFO. Ends that are open go on; the next ones to open meet at another FIFO.
 *
 * @returns false when there is none
 * @throws {IpcError} `IPC_EXISTS` when the path names something that is not a FIFO; `IPC_PERMISSION`
 */
export async function remove(address: FifoAddress): Promise<boolean> {
  const fifo = identify(address.path, `Cannot remove ${address.text}`);
  return fifo !== undefined && removeFifo(address.path, fifo);
}

function linkOf(
  fd: number,
  { text, path }: FifoAddress,
  side: Side,
  options: ChannelOptions,
  made: (FileIdentity & { readonly ownership: Ownership | undefined }) | undefined,
  what: string,
): Link {
  const { capacity, framing = DEFAULT_FRAMING, maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES } = options;
  try {
    checkedIdentity(fd, what);
    setCapacity(fd, capacity, text);
    if (side === "sender") ignoreBrokenPipes();
  } catch (error) {
    close(fd);
    throw error;
  }
  return new ByteStream({
    address: text,
    side,
    fd,
    framing,
    maxMessageBytes,
    supports: SUPPORTS,
    awaitsWriter: side === "receiver",
    // while it is still open: who finds the FIFO by its path finds somebody there
    beforeClose:
      made &&
      (() => {
        removeFifo(path, made);
        made.ownership?.release();
      }),
  });
}

/** Opening to read never waits. `undefined` when the FIFO was removed meanwhile. */
function openReader(path: string, what: string): number | undefined {
  const fd = tryOpen(path, O_RDONLY);
  if (fd === undefined) return undefined;
  let keep = false;
  try {
    const opened = checkedIdentity(fd, what);
    const now = identify(path, what);
    keep = now?.dev === opened.dev && now.ino === opened.ino;
  } finally {
    if (!keep) close(fd);
  }
  return keep ? fd : undefined;
}

/** Waits for a reader, unless told not to. `undefined` when the FIFO was removed meanwhile. */
async function openWriter(
  path: string,
  what: string,
  options: ChannelOptions,
  limit: TimeLimit,
): Promise<number | undefined> {
  try {
    return tryOpen(path, O_WRONLY);
  } catch (error) {
    if ((error as SystemError).code !== "ENXIO" || options.wait === false) throw error;
  }
  return openWhenRead(path, what, limit);
}

/** `undefined` when nothing has the path. */
function tryOpen(path: string, access: number): number | undefined {
  try {
    return openFile(path, access | O_NONBLOCK);
  } catch (error) {
    if ((error as SystemError).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Removes the FIFO of an opening that failed. A receiver that found it before shall see that its sender has left. */
function giveUp(path: string, made: FileIdentity, what: string): void {
  const fifo = openPath(path, what);
  if (fifo === undefined) return;
  try {
    if (removeFifo(path, made)) close(openFile(`/proc/self/fd/${fifo}`, O_WRONLY | O_NONBLOCK));
  } catch (error) {
    if ((error as SystemError).code !== "ENXIO") throw error;
  } finally {
    close(fifo);
  }
}
