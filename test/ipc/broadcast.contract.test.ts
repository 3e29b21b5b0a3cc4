// timeout: 180s
import { uniqueName } from "../support/unique-name.ts";
import { byName } from "./contract/by-name.ts";
import { channelContract } from "./contract/mod.ts";

// room for all that a sentence sends: what a receiver gets that is overtaken is in broadcast.test.ts
const always = { capacity: 2 ** 24 };

channelContract(
  "broadcast:",
  byName({}, { framing: "length" }, () => `broadcast:${uniqueName()}`, always),
);
