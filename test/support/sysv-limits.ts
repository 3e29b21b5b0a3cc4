/**
 * Run in an IPC namespace of its own, as root: changes the kernel's longest message while queues are in use. Says on standard output what
 * became of each message.
 */
import { writeFileSync } from "node:fs";
import { Channel } from "../../src/ipc/channel.ts";

const limit = (bytes: number) => writeFileSync("/proc/sys/kernel/msgmax", String(bytes));
const say = (what: unknown) => console.log(what instanceof Error ? what.message : what);
writeFileSync("/proc/sys/kernel/msgmnb", "65536");

limit(8192);
const receiver = await Channel.receiver("sysv:1");
limit(30_000);
const sender = await Channel.sender("sysv:1");
await sender.send(new Uint8Array(30_000));
say(`whole ${(await receiver.receive())?.length}`);
const waits = receiver.receive();
await sender.send(new Uint8Array(20_000));
say(`whole ${(await waits)?.length}`);
limit(4000);
await sender.send(new Uint8Array(4001)).catch(say);
await sender.send(new Uint8Array(4000));
say(`whole ${(await receiver.receive())?.length}`);
await sender.close();
await receiver.close();

limit(8192);
const pieces = await Channel.sender("sysv:2", { fragments: true });
limit(4000);
const assembler = await Channel.receiver("sysv:2", { fragments: true });
await Promise.all([
  pieces.send(new Uint8Array(90_000)),
  assembler.receive().then((message) => say(`fragments ${message?.length}`)),
]);
await pieces.close();
await assembler.close();
