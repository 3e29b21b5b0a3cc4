import { formatBytes } from "../format-bytes.ts";
import { renderTable } from "../render-table.ts";
import type { Finding } from "./finding.ts";
import type { ArenaMap } from "./maps.ts";

/** What the doctor found, for people: a table, and what to do. */
export function renderFindings(findings: readonly Finding[], maps: ArenaMap | undefined): string {
  const table = renderTable(
    [{ name: "about" }, { name: "what" }, { name: "value", shrink: true }, { name: "verdict" }],
    findings.map(({ area, name, value, verdict }) => [area, name, value, verdict]),
  );
  const remarks = findings
    .filter(({ verdict }) => verdict !== "ok")
    .map(
      ({ name, verdict, meaning, remedy }) =>
        `${verdict}: ${name}: ${meaning ?? ""}\n${remedy ? `  to change it: ${remedy}\n` : ""}`,
    );
  return `${table}${remarks.join("")}${maps === undefined ? "" : renderMaps(maps)}`;
}

function renderMaps({ address, bytes, mappedBytes, objects }: ArenaMap): string {
  const head = `The arena has ${formatBytes(bytes)} at 0x${address.toString(16)}; ${formatBytes(mappedBytes)} are mapped\n`;
  if (objects.length === 0) return head;
  return (
    head +
    renderTable(
      [
        { name: "offset", right: true },
        { name: "size", right: true },
        { name: "access" },
        { name: "object", shrink: true },
      ],
      objects.map(({ offset, bytes, access, object }) => [
        `0x${offset.toString(16)}`,
        formatBytes(bytes),
        access,
        object,
      ]),
    )
  );
}
