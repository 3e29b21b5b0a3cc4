// timeout: 180s
import { uniqueName } from "../support/unique-name.ts";
import { byName } from "./contract/by-name.ts";
import { channelContract } from "./contract/mod.ts";

// the smallest that takes the largest message of a sentence, and all claims that one gives up before its receiver looks
channelContract(
  "funnel:",
  byName({ capacity: 32_768 }, { framing: "length" }, () => `funnel:${uniqueName()}`),
);
