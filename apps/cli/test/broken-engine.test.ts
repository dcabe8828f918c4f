import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, it } from "vitest";

const MAIN = join(import.meta.dirname, "..", "src", "main.ts");
const BWRAP = "/usr/bin/bwrap";

/** A bwrap that forgets one word: programs keep the host's network. */
const CARELESS = (real: string) => `#!/bin/bash
args=()
for arg in "$@"; do [ "$arg" = --unshare-net ] || args+=("$arg"); done
exec ${real} "\${args[@]}"
`;

it("does not start with a bwrap that leaves the network open, and says which promise broke", async (context) => {
  if (process.getuid?.() !== 0) return context.skip("only root can put another bwrap in place, in a mount namespace");
  if (!existsSync(BWRAP)) return context.skip(`${BWRAP} is not installed`);
  const directory = mkdtempSync(join(tmpdir(), "crucible-careless-"));
  chmodSync(directory, 0o755);
  try {
    const real = join(directory, "real-bwrap");
    copyFileSync(BWRAP, real);
    const careless = join(directory, "bwrap");
    writeFileSync(careless, CARELESS(real), { mode: 0o755 });
    // The other bwrap is seen by this command and its children alone.
    const script = `mount --bind "${careless}" ${BWRAP} && exec "$@"`;
    const serve = [process.execPath, MAIN, "serve", "--json", "--port", "0", "--data-dir", join(directory, "data")];
    const child = spawn("unshare", ["--mount", "sh", "-c", script, "sh", ...serve], {
      env: { PATH: process.env["PATH"], HOME: directory, CRUCIBLE_ENGINE: "bubblewrap", CRUCIBLE_LOG_LEVEL: "silent" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const closed = once(child, "close");
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
    const [code] = (await closed) as [number];
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(
      /engine bubblewrap does not hold what it promises, so it is not offered: .*network\.tcp-loopback/,
    );
    expect(stderr).toContain("next: run `crucible selfcheck`");
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
