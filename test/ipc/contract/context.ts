import { Channel } from "../../../src/ipc/channel.ts";
import type { Side, Supports } from "../../../src/ipc/link.ts";
import type { ChannelOptions } from "../../../src/ipc/options.ts";
import type { PeerProcess } from "../../support/peer-process.ts";
import { currentRuntime } from "../../support/runtimes.ts";
import { SeededMessages } from "../../support/seeded-messages.ts";
import type { AnyChannel, ChannelFactory } from "./factory.ts";

/** A message of the length of those that `fill()` sends: there is no room for it after them. */
export const LARGE: Uint8Array = new Uint8Array(512).fill(0xaa);

/** What a sentence of the contract works with. Everything that is opened here is closed after the sentence. */
export class ContractContext {
  readonly factory: ChannelFactory;
  readonly supports: Supports;
  #open: AnyChannel[] = [];
  #peers: PeerProcess[] = [];

  constructor(factory: ChannelFactory, { supports }: AnyChannel) {
    this.factory = factory;
    this.supports = supports;
  }

  /** Both ends of a new channel of bytes. */
  async pair(options: ChannelOptions = {}): Promise<Pair> {
    return this.pairOf(options);
  }

  /** Both ends of a new channel with as little room as there is. */
  async smallPair(options: ChannelOptions = {}): Promise<Pair> {
    return this.pair({ ...this.factory.small, ...options });
  }

  async pairOf<Value = Uint8Array<ArrayBuffer>>(options: ChannelOptions): Promise<Pair<Value>> {
    const { sender, receiver } = await this.factory.makePair(options);
    this.#open.push(sender, receiver);
    return { sender, receiver };
  }

  /** Closes this one too when the sentence is over. */
  own<Opened extends AnyChannel>(channel: Opened): Opened {
    this.#open.push(channel);
    return channel;
  }

  /** This process holds one end, another one on the same runtime the other. */
  async connectPeer(peerSide: Side, steps: readonly string[], options: ChannelOptions = {}): Promise<Connection> {
    const { connectPeer } = this.factory;
    if (connectPeer === undefined) throw new Error("supports.processes, but the factory has no connectPeer");
    const { channel, peer } = await connectPeer(currentRuntime(), peerSide, options, steps);
    this.#open.push(channel);
    this.#peers.push(peer);
    return { channel, peer };
  }

  /** An address of this kind that was never used. */
  uniqueAddress(): string {
    const { uniqueAddress } = this.factory;
    if (uniqueAddress === undefined) throw new Error("supports.named, but the factory has no uniqueAddress");
    return uniqueAddress();
  }

  /** Sends until there is no more room; gives the messages that went. */
  fill(sender: Channel): Uint8Array[] {
    if (this.supports.backPressure === false) throw new Error("A sentence that fills a channel needs backPressure");
    const messages = new SeededMessages(1, LARGE.length, LARGE.length);
    const sent: Uint8Array[] = [];
    for (let message = messages.at(0); sender.trySend(message); message = messages.at(sent.length)) sent.push(message);
    return sent;
  }

  /** Ends what the sentence left open, whatever state it is in. */
  async cleanUp(): Promise<void> {
    for (const peer of this.#peers.splice(0)) await peer.kill();
    const open = this.#open.splice(0).reverse();
    for (const channel of open) await channel.close({ timeout: 0 }).catch(() => {});
    // what was sent to a receiver that died may be kept for its successor
    if (this.supports.named)
      for (const address of new Set(open.map((channel) => channel.address))) await Channel.remove(address);
  }
}

export interface Pair<Value = Uint8Array<ArrayBuffer>> {
  readonly sender: Channel<Value>;
  readonly receiver: Channel<Value>;
}

export interface Connection {
  readonly channel: Channel;
  readonly peer: PeerProcess;
}

/** Receives so many messages. */
export async function receiveAll<Value>(receiver: Channel<Value>, count: number): Promise<(Value | undefined)[]> {
  const values: (Value | undefined)[] = [];
  while (values.length < count) values.push(await receiver.receive());
  return values;
}

/** Receives up to the end. */
export async function drain<Value>(receiver: Channel<Value>): Promise<Value[]> {
  const values: Value[] = [];
  for await (const value of receiver) values.push(value);
  return values;
}

/** Compares messages; what `assert.equal` prints of long ones helps nobody. */
export function assertMessages(actual: readonly (Uint8Array | undefined)[], expected: readonly Uint8Array[]): void {
  expected.forEach((message, index) => {
    const found = actual[index];
    if (found !== undefined && Buffer.compare(found, message) === 0) return;
    throw new Error(`Message ${index} should be ${show(message)}, but is ${show(found)}`);
  });
  if (actual.length !== expected.length) throw new Error(`There are ${actual.length} messages, not ${expected.length}`);
}

/** One array of the bytes of all. */
export function joined(messages: readonly (Uint8Array | undefined)[]): Uint8Array {
  return Buffer.concat(messages.filter((message) => message !== undefined));
}

function show(message: Uint8Array | undefined): string {
  return message === undefined ? "undefined" : `${message.length} bytes, ${message.subarray(0, 8).join(" ")} …`;
}

/** Bytes for a test. */
export function bytes(...values: number[]): Uint8Array {
  return new Uint8Array(values);
}
