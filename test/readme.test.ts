import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

interface Example {
  readonly command: string;
  /** What it prints, both streams together; `…` stands for anything. */
  readonly output: string;
}

/** The commands of every block that `<!-- run -->` marks, with the output that is shown for each. */
function examplesIn(markdown: string): Example[] {
  const blocks = [...markdown.matchAll(/<!-- run -->\n```console\n([\s\S]*?)```/g)].map((match) => match[1] ?? "");
  return blocks.flatMap((block) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((text) => {
        const lines = text.trimEnd().split("\n");
        const length = 1 + lines.slice(1).findIndex((line) => !line.startsWith("> "));
        const end = length === 0 ? lines.length : length;
        const command = lines.slice(0, end).map((line) => line.replace(/^> /, ""));
        return { command: command.join("\n"), output: lines.slice(end).join("\n") };
      }),
  );
}

const pattern = (output: string): RegExp =>
  new RegExp(
    `^${output
      .split("…")
      .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))
      .join("[^]*")}$`,
  );

const pages = await Promise.all(
  ["README.md", "docs/tutorial/first-run.md", "docs/tutorial/guard-in-five-minutes.md"].map(async (page) => {
    const examples = examplesIn(await readFile(join(ROOT, page), "utf8"));
    return { page, examples };
  }),
);

describe("documents", () => {
  let dataDir: string;
  let server: ReturnType<typeof spawn>;
  let url: string;

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "crucible-readme-"));
    const args = ["apps/cli/src/main.ts", "serve", "--json", "--port", "0", "--data-dir", dataDir];
    server = spawn(process.execPath, args, { cwd: ROOT, stdio: ["ignore", "pipe", "ignore"] });
    const [line] = (await once(createInterface({ input: server.stdout! }), "line")) as [string];
    url = (JSON.parse(line) as { url: string }).url;
  });

  afterAll(async () => {
    const ended = once(server, "exit");
    server.kill("SIGTERM");
    await ended;
    await rm(dataDir, { recursive: true, force: true });
  });

  it.each(pages)("$page has examples", ({ examples }) => {
    expect(examples.length).toBeGreaterThanOrEqual(5);
  });

  it.each(pages.flatMap(({ page, examples }) => examples.map((example) => ({ page, ...example }))))(
    "$page does what it shows: $command",
    async ({ command, output }) => {
      const real = command
        .replaceAll("/tmp/", `${dataDir}/`)
        .replaceAll(".crucible/", `${dataDir}/`)
        .replaceAll("http://127.0.0.1:4180", url);
      const shell = promisify(execFile)("sh", ["-c", `exec 2>&1\n${real}`], { cwd: ROOT });
      shell.child.stdin?.end(); // as `crucible run` reads it to its end
      const { stdout } = await shell;
      expect(stdout.trimEnd()).toMatch(pattern(output));
    },
  );
});
