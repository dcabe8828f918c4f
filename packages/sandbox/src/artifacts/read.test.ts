import { expect, test } from "vitest";
import { writeHeader } from "../tar/header.ts";
import { DEFAULT_ARTIFACT_LIMITS } from "./limits.ts";
import { readArtifacts } from "./read.ts";

const bytes = (text: string): Buffer => Buffer.from(text, "latin1");
interface Said {
  readonly type?: string;
  readonly content?: string;
  readonly size?: number;
  readonly linkName?: string;
}
const member = (name: string, { type = "0", content = "", size, linkName = "" }: Said = {}): Buffer => {
  const header = writeHeader({
    name: bytes(name),
    mode: 0o4755,
    size: size ?? content.length,
    modifiedS: 0,
    type,
    linkName: bytes(linkName),
  });
  return Buffer.concat([header, bytes(content), Buffer.alloc((512 - (content.length % 512)) % 512)]);
};
const END = Buffer.alloc(1024);
const read = (...parts: Uint8Array[]) =>
  readArtifacts(
    (async function* () {
      yield* parts;
    })(),
    DEFAULT_ARTIFACT_LIMITS,
  );
const good = member("out/good", { content: "good" });

test("keeps what is below out, and that alone", async () => {
  const { files, leftOut, incomplete } = await read(
    member("out/", { type: "5" }),
    good,
    member("elsewhere", { content: "x" }),
    member("outside/x", { content: "x" }),
    END,
  );
  expect(files.map(({ path }) => path)).toEqual(["good"]);
  expect(leftOut).toEqual([
    { path: "elsewhere", reason: "not below out" },
    { path: "outside/x", reason: "not below out" },
  ]);
  expect(incomplete).toBeNull();
});

test.each<[string, Buffer[]]>([
  ["a climbing name", [member("out/../../etc/passwd", { content: "x" })]],
  ["an absolute name", [member("/etc/passwd", { content: "x" })]],
  ["a name in two ways", [member("out/./x", { content: "x" })]],
  ["a name that is no text", [member("out/\xff", { content: "x" })]],
  ["a device", [member("out/null", { type: "3" })]],
  ["a block device", [member("out/disk", { type: "4" })]],
  ["a link out", [member("out/link", { type: "2", linkName: "/etc/passwd" })]],
  ["a hard link out", [member("out/link", { type: "1", linkName: "../../etc/passwd" })]],
  ["a link to nothing", [member("out/link", { type: "2" })]],
  ["the same name twice", [member("out/good", { content: "second" })]],
])("leaves out %s and keeps the rest", async (_what, parts) => {
  const { files, leftOut, incomplete } = await read(good, ...parts, member("out/last", { content: "last" }), END);
  expect(files.map(({ path, content }) => [path, Buffer.from(content).toString()])).toEqual([
    ["good", "good"],
    ["last", "last"],
  ]);
  expect(leftOut).toHaveLength(1);
  expect(incomplete).toBeNull();
});

test.each<[string, Buffer[]]>([
  ["ends in the middle of a file", [member("out/x", { size: 5_000, content: "short" })]],
  ["ends without an end mark", []],
  ["is noise", [Buffer.alloc(512, "noise")]],
  ["has a device with content", [member("out/x", { type: "3", content: "x" }), END]],
  ["has a sparse file", [member("out/x", { type: "S", content: "x" }), END]],
  ["has a link with content", [member("out/x", { type: "2", linkName: "y", content: "x" }), END]],
  ["has a member of unlikely size", [member("out/x", { size: 8 ** 11 - 1 }), END]],
  ["goes on behind its end", [END, member("out/x")]],
])("an archive that lies gives nothing but what it may, and never an error: it %s", async (_what, parts) => {
  const { files, incomplete } = await read(good, ...parts);
  expect(files.map(({ path }) => path)).toEqual(["good"]);
  expect(incomplete).toMatch(/^not all of out was read: /);
});

test("a stream that breaks, or never ends, ends the reading", async () => {
  const broken = readArtifacts(
    (async function* () {
      yield good;
      throw new Error("it broke");
    })(),
    DEFAULT_ARTIFACT_LIMITS,
  );
  expect(await broken).toMatchObject({ files: [{ path: "good" }], incomplete: "not all of out was read: it broke" });
  let given = 0;
  const endless = readArtifacts(
    (async function* () {
      yield good;
      for (;;) {
        given += 1;
        yield Buffer.alloc(1024 * 1024);
      }
    })(),
    DEFAULT_ARTIFACT_LIMITS,
  );
  // Zeros end an archive; what follows is read to its end, and there is none.
  expect(await endless).toMatchObject({ files: [{ path: "good" }], incomplete: expect.stringMatching(/has over/) });
  expect(given).toBeLessThan(300);
});
