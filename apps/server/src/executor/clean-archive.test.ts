import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { readTar, writeTar } from "@crucible/sandbox";
import { cleanArchive } from "./clean-archive.ts";

const content = Buffer.from("x");

test("an ordinary archive comes out with the same files", async () => {
  const clean = await cleanArchive(
    writeTar([
      { kind: "directory", path: "d" },
      { kind: "file", path: "d/f", content, mode: 0o4755 },
      { kind: "symlink", path: "link", linkPath: "/usr/bin/python3" },
    ]),
  );
  const found: string[] = [];
  for await (const { path, kind, mode } of readTar(Readable.from([clean])))
    found.push(`${kind} ${path} ${mode.toString(8)}`);
  expect(found.slice(0, 2)).toEqual(["directory d 755", "file d/f 755"]);
  expect(found[2]).toMatch(/^symlink link/);
});

test.each([
  ["a climbing name", writeTar([{ kind: "file", path: "../f", content }])],
  ["an absolute name", writeTar([{ kind: "file", path: "/etc/f", content }])],
  [
    "a name that leads through a link",
    writeTar([
      { kind: "symlink", path: "a", linkPath: "/etc" },
      { kind: "file", path: "a/passwd", content },
    ]),
  ],
  ["what is no archive", Buffer.alloc(600, 7)],
  ["an archive that was cut", writeTar([{ kind: "file", path: "f", content: Buffer.alloc(5000) }]).subarray(0, 2000)],
])("%s is refused", async (_what, archive) => {
  await expect(cleanArchive(archive)).rejects.toMatchObject({ code: "bad_archive" });
});
