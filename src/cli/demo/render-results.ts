import { Table } from "console-table-printer";
import { formatBytes } from "../format-bytes.ts";
import type { DemoResult } from "./demo-result.ts";
import type { DemoResults } from "./run-demo.ts";

/** The results for people: a table, and what it comes down to. */
export function renderResults({ transports, comparison }: DemoResults): string {
  const table = new Table({
    shouldDisableColors: true,
    columns: [
      { name: "transport", alignment: "left" },
      { name: "messages", alignment: "right" },
      { name: "bytes", alignment: "right" },
      { name: "seconds", alignment: "right" },
      { name: "GB/s", alignment: "right" },
      { name: "equal", alignment: "left" },
    ],
  });
  for (const result of transports) table.addRow(rowOf(result, result.transport));
  table.addRow(rowOf(comparison, `${comparison.transport} (for comparison)`));
  const remarks = [...transports, comparison].flatMap(remarkOn);
  const [best] = transports;
  if (best?.ok) remarks.push(compare(best, [...transports.slice(1), comparison]));
  return `${table.render()}\n${remarks.map((remark) => `${remark}\n`).join("")}`;
}

function rowOf(result: DemoResult, name: string): Record<string, string> {
  if (result.error !== undefined) {
    return { transport: name, messages: "-", bytes: "-", seconds: "-", "GB/s": "-", equal: "failed" };
  }
  return {
    transport: name,
    messages: String(result.messages),
    bytes: String(result.bytes),
    seconds: result.seconds.toFixed(4),
    "GB/s": result.gbPerSecond.toFixed(2),
    equal: result.ok ? "yes" : "NO",
  };
}

function remarkOn(result: DemoResult): string[] {
  if (result.error !== undefined) return [`${result.transport} failed: ${result.error}`];
  if (result.ok) return [];
  return [
    `${result.transport} is not equal: sent ${result.sha256Sent}, received ${result.sha256Received}, ${formatBytes(result.bytes)}`,
  ];
}

function compare(best: DemoResult, others: readonly DemoResult[]): string {
  const parts = others
    .filter(({ gbPerSecond }) => gbPerSecond > 0)
    .map(({ transport, gbPerSecond }) => `${(best.gbPerSecond / gbPerSecond).toFixed(1)} times ${transport}`);
  return `${best.transport} is ${parts.join(", ")}`;
}
