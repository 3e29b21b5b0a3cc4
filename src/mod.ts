/**
 * Millrace: data between local processes, as fast as the machine allows.
 *
 * Importing it does nothing but define: nothing is opened, mapped or started before the first call.
 *
 * @module
 */
export { IpcError, type IpcErrorCode } from "./errors.ts";
export { SystemError } from "./ffi/system-error.ts";
export { Channel } from "./ipc/channel.ts";
export type {
  BatchOptions,
  Bytes,
  ChannelOptions,
  ChannelStats,
  ChildEnd,
  Codec,
  Framing,
  LinkStats,
  Outgoing,
  Peer,
  PipeEnds,
  PipeForChild,
  Side,
  Supports,
  ValueOf,
  WaitOptions,
} from "./ipc/mod.ts";
