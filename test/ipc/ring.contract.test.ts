// timeout: 180s
import { uniqueName } from "../support/unique-name.ts";
import { byName } from "./contract/by-name.ts";
import { channelContract } from "./contract/mod.ts";

channelContract(
  "ring:",
  byName({ capacity: 4096 }, { framing: "length" }, () => `ring:${uniqueName()}`),
);
