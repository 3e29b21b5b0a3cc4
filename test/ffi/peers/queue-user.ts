/** Sends "from the peer" with type 5 to the queue of its first argument, and prints the next message that comes with type 6. */
import { MSG_TEXT_OFFSET, msgrcv, msgsnd, setMessageType } from "../../../src/ffi/mod.ts";

const queue = Number(process.argv[2]);
const message = new DataView(new ArrayBuffer(108));
const text = new Uint8Array(message.buffer, MSG_TEXT_OFFSET);
const { written } = new TextEncoder().encodeInto("from the peer", text);
setMessageType(message, 5);
msgsnd(queue, message, written, 0);
const length = msgrcv(queue, message, text.length, 6, 0);
console.log(new TextDecoder().decode(text.subarray(0, length)));
