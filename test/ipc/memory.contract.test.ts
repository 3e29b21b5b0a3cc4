import { uniqueName } from "../support/unique-name.ts";
import { byName } from "./contract/by-name.ts";
import { channelContract } from "./contract/mod.ts";

channelContract(
  "memory:",
  byName({ capacity: 4096 }, { framing: "length" }, () => `memory:${uniqueName()}`),
);
