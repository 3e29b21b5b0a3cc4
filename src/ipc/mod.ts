/** Channels between processes, and what they are made of. */

export type { WaitOptions } from "../wait/wait-options.ts";
export type { ChildEnd } from "./adapters/pipe.ts";
export type {
  BroadcastAddress,
  FifoAddress,
  FunnelAddress,
  MemoryAddress,
  MqAddress,
  ParsedAddress,
  PipeAddress,
  RingAddress,
  Scheme,
  SysvAddress,
  UnixAddress,
} from "./address.ts";
export { parseAddress, SCHEMES } from "./address.ts";
export type {
  BatchOptions,
  ChannelStats,
  CreateChannelOptions,
  Outgoing,
  PipeEnds,
  PipeForChild,
  ValueOf,
} from "./channel.ts";
export { Channel, createChannel } from "./channel.ts";
export type { Bytes } from "./codec-bytes.ts";
export type { Direction, Link, LinkStats, Peer, Side, Supports, WriteResult } from "./link.ts";
export { BEGUN, FULL, TAKEN } from "./link.ts";
export type { ChannelOptions, Codec, Framing } from "./options.ts";
export { UnixConnection, type UnixConnectionOptions } from "./unix-connection.ts";
export { UnixServer, type UnixServerOptions } from "./unix-server.ts";
