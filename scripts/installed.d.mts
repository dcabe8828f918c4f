/** An entry of `packages` in a lockfile, as far as it is read. */
export interface LockedPackage {
  readonly version?: string;
  readonly link?: boolean;
  readonly optional?: boolean;
}

/** Paths of packages that are missing, extra or of another version in the installed tree. */
export function differences(
  wanted: Readonly<Record<string, LockedPackage>>,
  installed: Readonly<Record<string, LockedPackage>>,
): string[];
