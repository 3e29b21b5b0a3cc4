// timeout: 180s
import { byName } from "./contract/by-name.ts";
import { channelContract } from "./contract/mod.ts";

let count = 0;
const uniqueAddress = () => `sysv:${(process.pid * 1000 + ++count) % 2 ** 31}`;

channelContract("sysv:", byName({}, { capacity: 4096 }, uniqueAddress));
channelContract("sysv: with fragments", byName({}, { capacity: 4096 }, uniqueAddress, { fragments: true }));
