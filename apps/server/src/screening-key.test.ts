import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ensureScreeningKey } from "./screening-key.ts";

test("the key of hashes is made once, for its owner alone, unless the operator gives one", () => {
  const directory = mkdtempSync(join(tmpdir(), "crucible-key-"));
  try {
    expect(ensureScreeningKey(directory, "the operator's own key")).toBe("the operator's own key");
    const made = ensureScreeningKey(directory, undefined);
    expect(made).toMatch(/^[\w-]{43}$/);
    expect(ensureScreeningKey(directory, undefined)).toBe(made);
    const file = join(directory, "screening-key");
    expect(readFileSync(file, "utf8").trim()).toBe(made);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
