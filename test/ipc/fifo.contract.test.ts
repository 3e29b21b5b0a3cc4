// timeout: 180s
import { tmpdir } from "node:os";
import { join } from "node:path";
import { uniqueName } from "../support/unique-name.ts";
import { byName } from "./contract/by-name.ts";
import { channelContract } from "./contract/mod.ts";

channelContract(
  "fifo:",
  byName({ capacity: 4096 }, { type: 1 }, () => `fifo:${join(tmpdir(), uniqueName())}`),
);
