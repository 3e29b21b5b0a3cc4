// timeout: 240s
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeJournalsAtExit } from "../support/remove-journals.ts";
import { uniqueName } from "../support/unique-name.ts";
import { byName } from "./contract/by-name.ts";
import { channelContract } from "./contract/mod.ts";

removeJournalsAtExit();

channelContract(
  "unix:/PATH",
  byName({ capacity: 4096 }, { type: 1 }, () => `unix:${join(tmpdir(), uniqueName())}`),
);
channelContract(
  "unix:@NAME",
  byName({ capacity: 4096 }, { type: 1 }, () => `unix:@${uniqueName("millrace")}`),
);
