import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expectedOutput } from "./output-pattern.ts";

/**
 * The programs in `examples/` and the folders below it, to be run each on its own: every `.ts` file, except for parts of others. A
 * part is a file without `// Output:` that another file of the same folder names as `"./NAME.ts"`, to import it or to start it.
 *
 * @returns paths that begin with `root`, in the order of their names
 */
export function exampleFiles(root: string): string[] {
  const folder = join(root, "examples");
  if (!existsSync(folder)) return [];
  const texts = new Map<string, string>();
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (name.endsWith(".ts")) texts.set(join(folder, name), readFileSync(join(folder, name), "utf8"));
  }
  const parts = new Set<string>();
  for (const [path, text] of texts) {
    for (const [, name = ""] of text.matchAll(/"\.\/([^"/]+\.ts)"/g)) {
      const part = join(dirname(path), name);
      if (part !== path && expectedOutput(texts.get(part) ?? "") === undefined) parts.add(part);
    }
  }
  return [...texts.keys()].filter((path) => !parts.has(path)).sort();
}
