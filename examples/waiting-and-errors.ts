// Time limits, cancelling, trying, and how the other side's absence shows.
import { Channel, IpcError } from "millrace";

const codeOf = (error: unknown) => (error instanceof IpcError ? error.code : String(error));

const receiver = await Channel.receiver("ring:example-waiting", { codec: "text" });
console.log(receiver.tryReceive()); // nothing is there, and it does not wait
console.log(await receiver.receive({ timeout: 50 }).catch(codeOf));
console.log(await receiver.receive({ signal: AbortSignal.timeout(50) }).catch(codeOf));

const sender = await Channel.sender("ring:example-waiting", { codec: "text" });
console.log(await Channel.sender("ring:example-waiting").catch(codeOf));
await sender.send("nothing was lost meanwhile");
console.log(await receiver.receive());

await receiver.close();
console.log(await sender.send("is anybody there?").catch(codeOf));
await sender.close();

// Output:
// undefined
// IPC_TIMEOUT
// IPC_ABORTED
// IPC_BUSY
// nothing was lost meanwhile
// IPC_CLOSED
