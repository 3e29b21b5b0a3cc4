/** A size in bytes as people say it: `64 B`, `16 KiB`. */
export function sizeName(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1 << 20 ? `${bytes / 1024} KiB` : `${bytes / (1 << 20)} MiB`;
}
