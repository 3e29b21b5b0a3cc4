import { getpid, gettid } from "../../src/ffi/ids.ts";
import { SIGURG, sigaction } from "../../src/ffi/mod.ts";
import { nativePeer } from "./native-peer.ts";

const startPeer = nativePeer("signal-peer");

/** Makes a call that blocks, while a signal that does nothing comes to this thread again and again. */
export async function whileInterrupted<Result>(call: () => Result): Promise<Result> {
  sigaction(SIGURG, "interrupt");
  const peer = startPeer("interrupt", getpid(), gettid(), SIGURG);
  try {
    return call();
  } finally {
    await peer.kill();
    sigaction(SIGURG, "default");
  }
}
