/** A size in bytes as people say it: `64 B`, `16 KiB`, `1 GiB`. */
export function sizeName(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 2 ** 20) return `${bytes / 1024} KiB`;
  return bytes < 2 ** 30 ? `${bytes / 2 ** 20} MiB` : `${bytes / 2 ** 30} GiB`;
}
