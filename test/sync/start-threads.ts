import { callBlocking } from "../../src/ffi/off-thread/blocking-call.ts";

/** Starts the threads for calls that block, as many as are kept, before a test file counts its descriptors. */
export async function startThreads(): Promise<void> {
  const free = new Int32Array(new SharedArrayBuffer(64));
  await Promise.all(Array.from({ length: 4 }, () => callBlocking("awaitUnlocked", [free, 0, 0])));
}
