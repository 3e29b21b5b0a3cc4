import type { SuiteResult } from "../suite/result.ts";

/** What a figure depends on, as names and texts. */
export function environment({ date, commit, quick, machine, runtimes }: SuiteResult): [name: string, value: string][] {
  const { cpu, cores, memoryGiB, kernel } = machine;
  return [
    ["machine", `${cpu}, ${cores} cores, ${memoryGiB} GiB`],
    ["kernel", `Linux ${kernel}`],
    [
      "versions",
      Object.entries(runtimes)
        .map((entry) => entry.join(" "))
        .join(", "),
    ],
    ["commit", commit.endsWith("+") ? `${commit.slice(0, -1)}, with changes` : commit],
    ["date", date.slice(0, 10)],
    ...(quick ? [["run", "--quick: a look, not a measurement"] satisfies [string, string]] : []),
  ];
}
