// timeout: 180s
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { uniqueName } from "../support/unique-name.ts";
import { byName } from "./contract/by-name.ts";
import { channelContract } from "./contract/mod.ts";

// these rings stay, so the folder that they lie in goes at the end
const folder = mkdtempSync(join(tmpdir(), "file-contract-"));
process.on("exit", () => rmSync(folder, { recursive: true }));

channelContract(
  "file:",
  byName({ capacity: 4096 }, { framing: "length" }, () => `file:${join(folder, uniqueName())}`),
);
