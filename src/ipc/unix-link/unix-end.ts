import { domainError } from "../../error-table.ts";
import { IpcError } from "../../errors.ts";
import { MSG_DONTWAIT, POLLHUP, POLLIN, POLLOUT, POLLRDHUP, SO_RCVBUF, SO_SNDBUF } from "../../ffi/abi/current.ts";
import { close } from "../../ffi/fd.ts";
import { fionread } from "../../ffi/ioctl.ts";
import { waitForFd } from "../../ffi/off-thread/reactor.ts";
import { pollOne } from "../../ffi/poll.ts";
import { WOULD_BLOCK } from "../../ffi/results.ts";
import { getsockopt, recv, send, setsockopt } from "../../ffi/socket.ts";
import { recvmsg, sendmsg } from "../../ffi/socket-message.ts";
import { beforeBlocking } from "../../objects/before-blocking.ts";
import { FRAME_FORMATS, type FrameFormat, type FrameReader } from "../framing/frame-format.ts";
import { FrameWriter } from "../framing/frame-writer.ts";
import { DESCRIPTOR_BYTES, DESCRIPTOR_FRAME } from "../framing/length.ts";
import type { Direction, Link, LinkStats, Peer, Side, Supports, WriteResult } from "../link.ts";
import type { Framing } from "../options.ts";
import type { ConnectedSocket } from "./connected-socket.ts";

/** Where a receiver gets its connection from. */
export interface Connections {
  /** Can be read when a connection has come. */
  readonly fd: number;
  /** The one connection, when it has come. */
  tryAccept(): ConnectedSocket | undefined;
}

/** What an end is made of. */
export interface UnixEndParts {
  /** The address in canonical form. */
  readonly address: string;
  readonly side: Side;
  /** The connection; a receiver may have to wait for it. */
  readonly source: ConnectedSocket | Connections;
  readonly framing: Framing;
  readonly maxMessageBytes: number;
  readonly supports: Pick<Supports, "exclusiveSender" | "exclusiveReceiver" | "receiverFirst" | "named">;
  /** The socket carries only this one direction, so a receiver that closes can leave word of it. */
  readonly oneWay: boolean;
  /** Called once, after the end has left the socket. */
  readonly afterClose?: (() => void) | undefined;
}

/** What a receiver that closes leaves for its sender, which otherwise takes it for dead. */
const LEFT: Uint8Array = Uint8Array.of(0xff, 0xff, 0xff, 0xff);

/**
 * One direction of a unix stream socket as a link. As `ByteStream`, and besides: no write raises SIGPIPE, the kernel names the process at
 * the other end, a receiver's death is told from its close, and, with framing "length", descriptors travel between the messages.
 *
 * A descriptor comes with the read that brings the first byte of its frame. One that comes with bytes in which no such frame begins was
 * not announced, and is closed. With the other framings there is no room for any, and the kernel closes them.
 */
export class UnixEnd implements Link {
  readonly address: string;
  readonly side: Side;
  readonly supports: Supports;
  readonly maxMessageBytes: number;
  readonly #parts: UnixEndParts;
  readonly #format: FrameFormat;
  readonly #descriptors: boolean;
  readonly #connections: Connections | undefined;
  #socket: ConnectedSocket | undefined;
  readonly #reader: FrameReader | undefined;
  readonly #writer: FrameWriter | undefined;
  /** Received and not matched with a frame yet. */
  #unclaimed: number[] = [];
  /** A message or a descriptor that was found by a call for the other one. */
  #head: Uint8Array | number | undefined;
  /** A descriptor came for which this process had no room. */
  #lost = false;
  #receiverLeft = false;
  #closed = false;
  #fileEnded = false;
  #ended = false;
  #stalls = 0;

  constructor(parts: UnixEndParts) {
    const { address, side, source, framing, maxMessageBytes } = parts;
    const format = FRAME_FORMATS[framing];
    this.address = address;
    this.side = side;
    this.maxMessageBytes = Math.min(maxMessageBytes, format.maxMessageBytes);
    this.#descriptors = format.endFrame !== undefined;
    const peerDeath = format.endFrame !== undefined;
    this.supports = {
      ...parts.supports,
      processes: true,
      senderFirst: false,
      peerPid: true,
      messages: format.messages,
      end: true,
      peerDeath,
      receiverDeath: peerDeath && parts.oneWay,
      emptyMessages: format.messages,
      zeroCopy: false,
      descriptors: this.#descriptors,
    };
    this.#parts = parts;
    this.#format = format;
    if ("tryAccept" in source) this.#connections = source;
    else this.#socket = source;
    if (side === "sender") {
      const { fd } = source;
      this.#writer = new FrameWriter(address, fd, format, (_, bytes) => this.#send(() => send(fd, bytes)));
    } else {
      this.#reader = format.reader(address, this.maxMessageBytes, undefined, this.#descriptors);
    }
  }

  tryWrite(message: Uint8Array): WriteResult {
    return this.#sender().write(message);
  }

  flush(): boolean {
    return this.#sender().flush();
  }

  keepRest(): void {
    this.#sender().keepRest();
  }

  /** What was begun is in the stream already. */
  retract(): boolean {
    return false;
  }

  cork(): void {
    this.#writer?.cork();
  }

  uncork(): void {
    this.#writer?.uncork();
  }

  end(): void {
    this.#sender().end();
  }

  trySendDescriptor(descriptor: number): boolean {
    // also throws what an earlier write has met
    if (!this.#sender().flush()) return false;
    const { fd } = this.#socket as ConnectedSocket;
    // so few bytes are one buffer of the kernel's: they go whole, with the descriptor, or not at all
    return this.#send(() => sendmsg(fd, DESCRIPTOR_BYTES, { descriptors: [descriptor] })) !== WOULD_BLOCK;
  }

  tryRead(): Uint8Array | undefined | null {
    const item = this.#nextItem();
    if (typeof item !== "number") return item;
    this.#head = item;
    throw new IpcError(
      "IPC_UNSUPPORTED",
      `Cannot receive a message on ${this.address}: a descriptor comes first. Take it with receiveDescriptor()`,
    );
  }

  tryReadDescriptor(): number | undefined | null {
    const item = this.#nextItem();
    if (!(item instanceof Uint8Array)) return item;
    this.#head = item;
    throw new IpcError(
      "IPC_UNSUPPORTED",
      `Cannot receive a descriptor on ${this.address}: a message comes first. Take it with receive()`,
    );
  }

  ready(direction: Direction, signal: AbortSignal | undefined): Promise<void> {
    if (this.#closed || this.#head !== undefined) return Promise.resolve();
    this.#stalls++;
    return waitForFd(this.#fd(), direction, signal);
  }

  readySync(direction: Direction, timeout: number): boolean {
    if (this.#closed || this.#head !== undefined) return true;
    this.#stalls++;
    beforeBlocking();
    return pollOne(this.#fd(), direction === "read" ? POLLIN : POLLOUT, timeout) !== 0;
  }

  peer(): Peer {
    if (this.#closed) return { alive: undefined, pid: undefined };
    try {
      this.#accept();
    } catch {
      // the next call to receive reports it
    }
    if (this.#socket === undefined) return { alive: undefined, pid: undefined };
    const { fd, credentials } = this.#socket;
    const gone = this.side === "sender" ? POLLHUP : POLLHUP | POLLRDHUP;
    return {
      alive: (pollOne(fd, POLLRDHUP, 0) & gone) === 0,
      // a process of another namespace has no number here
      pid: credentials.pid > 0 ? credentials.pid : undefined,
    };
  }

  stats(): LinkStats {
    const fd = this.#closed ? undefined : this.#socket?.fd;
    const isSender = this.side === "sender";
    return {
      // what a sender has in flight is the kernel's secret
      backlogBytes: fd === undefined || isSender ? undefined : fionread(fd),
      capacityBytes: fd === undefined ? undefined : getsockopt(fd, isSender ? SO_SNDBUF : SO_RCVBUF),
      stalls: this.#stalls,
      wakes: 0,
    };
  }

  close(): void {
    if (this.#closed) return;
    if (this.side === "receiver") this.#leaveWord();
    else this.#endAtOnce();
    this.abandon();
  }

  abandon(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#ended = true;
    if (typeof this.#head === "number") close(this.#head);
    this.#head = undefined;
    this.#closeUnclaimed();
    try {
      this.#socket?.leave(this.side);
    } finally {
      this.#parts.afterClose?.();
    }
  }

  /** The next message or descriptor; `undefined` when there is none now, `null` at the end. */
  #nextItem(): Uint8Array | number | undefined | null {
    if (this.#head !== undefined) {
      const head = this.#head;
      this.#head = undefined;
      return head;
    }
    if (this.#ended) return null;
    const socket = this.#accept();
    if (socket === undefined) return undefined;
    const reader = this.#reader as FrameReader;
    for (;;) {
      const item = this.#nextOf(reader);
      if (item !== undefined) return item;
      if (this.#fileEnded) return reader.finish();
      const room = reader.room();
      const count = this.#read(socket.fd, room);
      if (count === WOULD_BLOCK) return undefined;
      if (count === 0) this.#fileEnded = true;
      else reader.filled(count);
    }
  }

  #nextOf(reader: FrameReader): Uint8Array | number | undefined {
    try {
      const message = reader.next();
      if (message === DESCRIPTOR_FRAME) return this.#claim();
      // a frame that began in what was read last is either given out or still in the buffer
      if (reader.buffered === 0) {
        if (this.#unclaimed.length > 0) this.#closeUnclaimed();
        this.#lost = false;
      }
      return message;
    } catch (error) {
      // no message can be found any more, so that is the end
      if ((error as IpcError).code === "IPC_CORRUPT") {
        this.#ended = true;
        this.#closeUnclaimed();
      }
      throw error;
    }
  }

  #claim(): number {
    const descriptor = this.#unclaimed.shift();
    if (descriptor !== undefined) return descriptor;
    if (this.#lost) {
      this.#lost = false;
      throw new IpcError(
        "IPC_LIMIT",
        `A descriptor on ${this.address} was lost: this process may open no more. Close some, or raise RLIMIT_NOFILE`,
      );
    }
    throw new IpcError(
      "IPC_CORRUPT",
      `${this.address} announces a descriptor, but none came with it, which no correct sender does`,
    );
  }

  /** @returns 0 at the end of the file */
  #read(fd: number, room: Uint8Array): number {
    try {
      if (!this.#descriptors) return recv(fd, room);
      const message = recvmsg(fd, room, { maxDescriptors: 1 });
      if (message === WOULD_BLOCK) return WOULD_BLOCK;
      if (message.descriptorsTruncated && message.descriptors.length === 0) this.#lost = true;
      // two deliveries never come with one read, so what an earlier one brought is not announced if this one brings more
      if (message.descriptors.length > 0) {
        this.#closeUnclaimed();
        this.#unclaimed = message.descriptors.splice(0, 1);
        for (const excess of message.descriptors) close(excess);
      }
      return message.length;
    } catch (error) {
      // the other end closed without having read all that was sent to it; what it sent has been read
      if ((error as { code?: string }).code === "ECONNRESET") return 0;
      throw domainError("receive", error, `Cannot receive on ${this.address}`);
    }
  }

  #closeUnclaimed(): void {
    for (const descriptor of this.#unclaimed.splice(0)) close(descriptor);
  }

  #accept(): ConnectedSocket | undefined {
    this.#socket ??= this.#connections?.tryAccept();
    return this.#socket;
  }

  #fd(): number {
    return (this.#socket ?? (this.#connections as Connections)).fd;
  }

  #sender(): FrameWriter {
    if (this.#closed) throw new IpcError("IPC_CLOSED", `Cannot send on ${this.address}: this end was closed`);
    return this.#writer as FrameWriter;
  }

  /** Tells a receiver that has closed from one that died. */
  #send(call: () => number): number {
    try {
      return call();
    } catch (error) {
      const { code } = error as { code?: string };
      if (code !== "EPIPE" && code !== "ECONNRESET") {
        throw domainError("send", error, `Cannot send on ${this.address}`);
      }
      const died = this.supports.receiverDeath === true && !this.#foundWord();
      throw new IpcError(
        died ? "IPC_PEER_GONE" : "IPC_CLOSED",
        `Cannot send on ${this.address}: the receiver ${died ? "went without closing" : "has closed"}`,
        { cause: error },
      );
    }
  }

  /** The word is there once, and every later call asks again. */
  #foundWord(): boolean {
    this.#receiverLeft ||= this.#readWord();
    return this.#receiverLeft;
  }

  #readWord(): boolean {
    const word = new Uint8Array(LEFT.length);
    try {
      const count = recv((this.#socket as ConnectedSocket).fd, word, MSG_DONTWAIT);
      return count === LEFT.length && word.every((byte, index) => byte === LEFT[index]);
    } catch {
      return false;
    }
  }

  /** The end needs room, which a receiver that reads nothing would never give: a buffer of twice the size has some. */
  #endAtOnce(): void {
    const { fd } = this.#socket as ConnectedSocket;
    if ((pollOne(fd, POLLOUT, 0) & POLLOUT) === 0) setsockopt(fd, SO_SNDBUF, getsockopt(fd, SO_SNDBUF));
    (this.#writer as FrameWriter).endAtOnce();
  }

  #leaveWord(): void {
    if (!this.#parts.oneWay || this.#format.endFrame === undefined) return;
    try {
      const socket = this.#accept();
      if (socket !== undefined) send(socket.fd, LEFT);
    } catch {
      // the sender has gone before
    }
  }
}
