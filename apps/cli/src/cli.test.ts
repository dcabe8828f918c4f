import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { main } from "./cli.ts";
import type { Io } from "./io.ts";

const call = (...argv: string[]) => callWith({}, ...argv);

async function callWith(
  env: Record<string, string>,
  ...argv: string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  stdin.end();
  const io: Io = { stdin, stdout, stderr, env, cwd: "/", onInterrupt: () => () => {} };
  const code = await main(argv, io);
  stdout.end();
  stderr.end();
  return { code, stdout: await text(stdout), stderr: await text(stderr) };
}

test.each(["serve", "run", "batch", "languages", "engines", "doctor"])("%s has help", async (command) => {
  const { code, stdout, stderr } = await call(command, "--help");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toContain(`Usage: crucible ${command}`);
});

test("the help of run and batch has examples and every exit code", async () => {
  const run = (await call("run", "--help")).stdout;
  for (const code of [124, 125, 130, 137, 141, 152, 153]) expect(run).toContain(String(code));
  expect(run).toContain("crucible run hello.py");
  expect((await call("batch", "--help")).stdout).toContain("crucible batch runs.jsonl");
});

test.each([
  [[], 2, "crucible: no command was given\nnext: crucible --help\n"],
  [["rnu"], 2, "crucible: unknown command 'rnu'\nnext: did you mean run? see crucible --help\n"],
  [["batch"], 2, "crucible: missing required argument 'file'\nnext: see crucible batch --help\n"],
  [
    ["batch", "x", "--ou", "y"],
    2,
    "crucible: unknown option '--ou'\nnext: did you mean --out? see crucible batch --help\n",
  ],
  [
    ["batch", "x", "--concurrency", "0"],
    2,
    /It must be a whole number from 1 to 1024\.\nnext: see crucible batch --help\n$/,
  ],
  [
    ["serve", "--port", "99999"],
    2,
    /It must be from 0 \(any free one\) to 65535\.\nnext: see crucible serve --help\n$/,
  ],
  [["run", "--nope", "x.py"], 125, /unknown option '--nope'\nnext: .*options of your program go after --\n$/],
  [
    ["languages", "--url", "ftp://x"],
    2,
    'crucible: "ftp://x" is no web address\nnext: give one such as http://127.0.0.1:4180\n',
  ],
  [
    ["languages", "--url", "http://x", "--local"],
    2,
    "crucible: --local and --url cannot both be given\nnext: leave one out\n",
  ],
  [["languages", "--url", "http://192.0.2.1"], 2, /^crucible: no API key for http:\/\/192\.0\.2\.1\nnext: /],
] as const)("%j: exit code %i and two lines", async (argv, code, stderr) => {
  const ended = await call(...argv);
  expect(ended).toMatchObject({ code, stdout: "" });
  expect(ended.stderr).toEqual(typeof stderr === "string" ? stderr : expect.stringMatching(stderr));
});

test("settings that are wrong stop the server with a line for each", async () => {
  const { code, stderr } = await callWith({ CRUCIBLE_PORT: "x", CRUCIBLE_LOG_LEVEL: "loud" }, "serve");
  expect(code).toBe(2);
  expect(stderr.split("\n")).toEqual([
    "crucible: the configuration is wrong:",
    "  CRUCIBLE_PORT must be a whole number from 0 to 65535",
    expect.stringMatching(/^  CRUCIBLE_LOG_LEVEL must be one of trace, /),
    "next: see docs/reference/configuration.md",
    "",
  ]);
});
