// timeout: 180s
import { byName } from "./contract/by-name.ts";
import { channelContract } from "./contract/mod.ts";

let count = 0;

channelContract(
  "sysv:",
  byName({}, { capacity: 4096 }, () => `sysv:${(process.pid * 1000 + ++count) % 2 ** 31}`),
);
