// A System V message queue: a message is one of the kernel's, so C programs with msgsnd and msgrcv can be at the other end.
import { Channel } from "millrace";

// the key comes from ftok(3), of a file that both sides know and a number
const address = `sysv:${import.meta.filename}#7`;
await using sender = await Channel.sender(address, { codec: "text", type: 5 });
await using receiver = await Channel.receiver(address, { codec: "text", type: 5 });

await sender.send("one message");
await sender.send("another one");
console.log(await receiver.receive());
console.log(await receiver.receive());
console.log(`at most ${sender.maxMessageBytes} bytes each`);

// Output:
// one message
// another one
// at most ... bytes each
