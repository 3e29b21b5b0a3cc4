// timeout: 180s
import { uniqueKey } from "../support/unique-key.ts";
import { byName } from "./contract/by-name.ts";
import { channelContract } from "./contract/mod.ts";

channelContract("sysv:", byName({}, { capacity: 4096 }, () => `sysv:${uniqueKey()}`));
channelContract("sysv: in fragments", byName({ fragments: true }, { capacity: 4096 }, () => `sysv:${uniqueKey()}`));
