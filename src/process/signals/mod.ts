/** Signals: sending them, receiving them with what was sent along, and keeping them off a thread. */
export { exists } from "./exists.ts";
export { handle, type SignalHandling } from "./handle.ts";
export { block, mask, pending, unblock } from "./mask.ts";
export { receive } from "./receive.ts";
export { type SendOptions, send } from "./send.ts";
export type { SignalInfo } from "./signal-info.ts";
export type { Signal } from "./signal-names.ts";
export type { SignalReceiver } from "./signal-receiver.ts";
export { wait, waitSync } from "./wait.ts";
