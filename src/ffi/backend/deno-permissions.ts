/** The part of Deno's namespace that this file uses. */
interface DenoPermissions {
  permissions: { querySync(descriptor: { name: string }): { state: string } };
}

/** What one may allow Deno, by `--allow-NAME`. */
export type DenoPermission = "ffi" | "read" | "write" | "env" | "sys";

/**
 * Whether this process has a permission for all that it covers. It asks nobody.
 *
 * @throws when not on Deno
 * @see https://docs.deno.com/runtime/fundamentals/security/
 */
export function hasDenoPermission(name: DenoPermission): boolean {
  const { permissions } = (globalThis as unknown as { Deno: DenoPermissions }).Deno;
  return permissions.querySync({ name }).state === "granted";
}
