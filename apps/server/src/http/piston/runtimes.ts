import type { Language, PistonRuntime } from "@crucible/contract";
import semver from "semver";
import type { z } from "zod";

/** The version of an installed language as semver has it: `g++ 12.2.0` is 12.2.0, `5.2` is 5.2.0. */
export function semverOf(version: string): string {
  return semver.coerce(version)?.version ?? "0.0.0";
}

/** What `GET /runtimes` answers. */
export function runtimesOf(languages: readonly Language[]): z.output<typeof PistonRuntime>[] {
  return languages.map(({ name, version, aliases }) => ({
    language: name,
    version: semverOf(version),
    aliases: [...aliases],
  }));
}

/** The newest language of this name or alias whose version satisfies the selector (`*`, `3.x`, `>=3.10`, `^3`), or null. */
export function findRuntime(languages: readonly Language[], name: string, selector: string): Language | null {
  const matching = languages.filter(
    (language) =>
      (language.name === name || language.aliases.includes(name)) &&
      (language.version === selector || semver.satisfies(semverOf(language.version), selector)),
  );
  return matching.sort((a, b) => semver.rcompare(semverOf(a.version), semverOf(b.version)))[0] ?? null;
}
