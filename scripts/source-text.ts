/** A string or template literal (kept in group 1), or a comment. */
const LITERAL_OR_COMMENT = /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;

/** The text of a TypeScript file with its comments blanked; line numbers stay. */
export function withoutComments(text: string): string {
  return text.replace(LITERAL_OR_COMMENT, (match, literal) => literal ?? match.replace(/[^\n]/g, ""));
}

/** The text of a TypeScript file with its comments and the contents of its strings blanked; line numbers stay. */
export function withoutStrings(text: string): string {
  return text.replace(LITERAL_OR_COMMENT, (match) => match.replace(/[^\n]/g, ""));
}

/** What a file imports, types included: static and dynamic imports, `require`, and files named by `new URL(…, import.meta.url)`. */
export function importsOf(text: string): { specifier: string; line: number }[] {
  const code = withoutComments(text);
  return [...code.matchAll(IMPORT)].map((match) => ({
    specifier: match[1] ?? match[2] ?? "",
    line: code.slice(0, match.index).split("\n").length,
  }));
}

const IMPORT =
  /(?:(?<!")\bfrom\s*|\bimport\s*\(?\s*|\w*[rR]equire\w*\s*(?:\([^()]*\))?\s*\(\s*|\bgetBuiltinModule\b[^"\n]*\(\s*)"([^"\n]+)"|\bnew URL\(\s*"(\.[^"\n]+)"\s*,\s*import\.meta\.url/g;
