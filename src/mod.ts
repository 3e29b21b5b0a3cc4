/**
 * Millrace: data between local processes, as fast as the machine allows.
 *
 * Importing it does nothing but define: nothing is opened, mapped or started before the first call.
 *
 * @module
 */
export { IpcError, type IpcErrorCode } from "./errors.ts";
export { IPC_PRIVATE } from "./ffi/abi/current.ts";
export { ftok } from "./ffi/msg.ts";
export { SystemError } from "./ffi/system-error.ts";
export type { CallAddress } from "./ipc/call-link/call-addresses.ts";
export { Channel } from "./ipc/channel.ts";
export { IncomingCall } from "./ipc/incoming-call.ts";
export type { GcOptions, GcResult, LeftObject } from "./ipc/listing/gc.ts";
export type { ListOptions } from "./ipc/listing/list.ts";
export type { ObjectInfo, ObjectProcess } from "./ipc/listing/object-info.ts";
export { objects } from "./ipc/listing/objects.ts";
export type { RemoveOptions } from "./ipc/listing/remove.ts";
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
  UnixConnectionOptions,
  UnixServerOptions,
  ValueOf,
  WaitOptions,
} from "./ipc/mod.ts";
export {
  type PosixMessage,
  PosixMessageQueue,
  type PosixMessageQueueAccess,
  type PosixMessageQueueAttributes,
  type PosixMessageQueueOptions,
  type PosixSendOptions,
} from "./ipc/posix-message-queue.ts";
export { RemoteError } from "./ipc/remote-error.ts";
export { Requester, type RequesterOptions, type RequesterStats } from "./ipc/requester.ts";
export { type CallHandler, Responder, type ResponderOptions, type ResponderStats } from "./ipc/responder.ts";
export {
  type SysvMessage,
  SysvMessageQueue,
  type SysvMessageQueueOptions,
  type SysvMessageQueueStatus,
  type SysvReceiveSelection,
} from "./ipc/sysv-message-queue.ts";
export { UnixConnection } from "./ipc/unix-connection.ts";
export { UnixServer } from "./ipc/unix-server.ts";
export type {
  Advice,
  AnonymousMemoryOptions,
  CreateMemoryOptions,
  MapAccess,
  MapFileOptions,
  OpenMemoryOptions,
  SharedMemoryStat,
  SysvMemoryChanges,
  SysvSharedMemoryStat,
} from "./memory/mod.ts";
export { MappedFile, SharedMemory, SysvSharedMemory } from "./memory/mod.ts";
export type { ObjectKind } from "./objects/own.ts";
export type { SysvKey } from "./objects/sysv-key.ts";
export type { ExitStatus } from "./process/child.ts";
export { type PipeDirection, type PopenOptions, popen } from "./process/popen.ts";
export type { Popen } from "./process/popen-handle.ts";
export type { Signal, SignalHandling, SignalInfo, SignalReceiver } from "./process/signals/mod.ts";
export * as signals from "./process/signals/mod.ts";
export type {
  EventOptions,
  MutexGuard,
  MutexOptions,
  RwLockGuard,
  SemaphoreOptions,
  SharedPlace,
  SysvArrayOptions,
  SysvSemaphoreArrayStatus,
  SysvSemaphoreOperation,
} from "./sync/mod.ts";
export { Condition, Event, Mutex, RwLock, Semaphore, SysvSemaphoreArray } from "./sync/mod.ts";
