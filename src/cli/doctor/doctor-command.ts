import { defineCommand } from "../define-command.ts";
import { STATUS } from "../exit-status.ts";
import { printText } from "../print-text.ts";

/** `millrace doctor` */
export const doctorCommand = defineCommand({
  name: "doctor",
  description: "Says what this machine allows, and how to change what is not enough",
  args: {
    json: { type: "boolean", description: "Print a JSON object, on one line" },
    maps: { type: "boolean", description: "Also the mappings in the arena of this process" },
    debug: { type: "boolean", description: "Show the stack of an error" },
  },
  notes: [{ heading: "STATUS", lines: ["0 when nothing is a problem, else 1. A warning is no problem."] }],
  async run(args) {
    const { examine } = await import("./examine.ts");
    const findings = examine();
    const problems = findings.filter(({ verdict }) => verdict === "problem").length;
    const maps = args.maps === true && problems === 0 ? (await import("./maps.ts")).arenaMap() : undefined;
    if (args.json === true) await printText(`${JSON.stringify({ ok: problems === 0, findings, maps })}\n`);
    else await printText((await import("./render-findings.ts")).renderFindings(findings, maps));
    return problems === 0 ? STATUS.ok : STATUS.failure;
  },
});
