import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { readStatus } from "./status.ts";
import type { LauncherMessage } from "./status.ts";

/** Feeds the pieces and gives back what was understood. */
async function read(...pieces: string[]): Promise<{ messages: LauncherMessage[]; flooded: boolean }> {
  const stream = new PassThrough();
  const messages: LauncherMessage[] = [];
  const flooded = await new Promise<boolean>((resolve) => {
    readStatus(stream, (message) => messages.push(message), resolve);
    for (const piece of pieces) stream.write(piece);
    stream.end();
  });
  return { messages, flooded };
}

describe("readStatus", () => {
  it("reads the end of each step, however the bytes are cut", async () => {
    const { messages } = await read("compi", "led 0\nra", "n 42", "\n");
    expect(messages).toEqual([
      { kind: "compiled", code: 0, signalled: false, childCpuMs: null, processesLeft: false },
      { kind: "ran", code: 42, signalled: false, childCpuMs: null, processesLeft: false },
    ]);
  });

  it("tells a signal from an exit code by the shell's own message", async () => {
    expect((await read("Segmentation fault\nran 139\n")).messages).toMatchObject([{ code: 139, signalled: true }]);
    expect((await read("ran 139\n")).messages).toMatchObject([{ code: 139, signalled: false }]);
  });

  it("reads the children's processor time from the second line of `times`", async () => {
    const { messages } = await read("0m0.01s 0m0.02s\n1m2.50s 0m0.25s\nran 0\n");
    expect(messages).toMatchObject([{ signalled: false, childCpuMs: 62_750 }]);
  });

  it("sees a full disk and a file at its limit", async () => {
    const df = "Filesystem 1024-blocks Used Available Capacity Mounted on\ntmpfs 100 100 0 100% /box\n";
    expect((await read(`ran 1\n${df}checked\n`)).messages.at(-1)).toEqual({
      kind: "checked",
      diskFull: true,
      fileFull: false,
    });
    expect((await read("ran 1\nfull /box/a /box/b\nchecked\n")).messages.at(-1)).toEqual({
      kind: "checked",
      diskFull: false,
      fileFull: true,
    });
  });

  it("understands nothing in garbage, and stops reading a flood", async () => {
    expect((await read("\0\xff\nran abc\nran 1 2\nran 9999\n")).messages).toEqual([]);
    const { messages, flooded } = await read("x".repeat(70_000), "\nran 0\n");
    expect(messages).toEqual([]);
    expect(flooded).toBe(true);
  });
});
