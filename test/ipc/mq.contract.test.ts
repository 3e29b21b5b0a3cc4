// timeout: 180s
// serial
// all queues of a user have 800 KiB together (RLIMIT_MSGQUEUE): nine of the default size, which two runtimes at once would use up
import { uniqueName } from "../support/unique-name.ts";
import { byName } from "./contract/by-name.ts";
import { channelContract } from "./contract/mod.ts";

const uniqueAddress = () => `mq:/${uniqueName("contract")}`;

channelContract("mq:", byName({}, { framing: "lines" }, uniqueAddress));
channelContract("mq: with fragments", byName({}, { framing: "lines" }, uniqueAddress, { fragments: true }));
