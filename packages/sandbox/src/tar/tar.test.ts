import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { writeHeader } from "./header.ts";
import { writePax } from "./pax.ts";
import { readTar } from "./read.ts";
import type { ReadTarOptions } from "./read.ts";
import { TarError } from "./types.ts";
import { writeTar } from "./write.ts";
import type { TarMember } from "./write.ts";

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

interface Read {
  readonly path: string;
  readonly kind: string;
  readonly mode: number;
  readonly linkPath: string | null;
  readonly text: string;
}

async function read(archive: Uint8Array, options: ReadTarOptions = {}, size = 4096): Promise<Read[]> {
  const found: Read[] = [];
  for await (const { path, kind, mode, linkPath, content } of readTar(inPieces(archive, size), options)) {
    const pieces: Uint8Array[] = [];
    for await (const piece of content) pieces.push(piece);
    found.push({ path, kind, mode, linkPath, text: Buffer.concat(pieces).toString("latin1") });
  }
  return found;
}

async function faultOf(archive: Uint8Array, options: ReadTarOptions = {}): Promise<string> {
  try {
    await read(archive, options);
    return "none";
  } catch (error) {
    if (error instanceof TarError) return error.fault;
    throw error;
  }
}

const bytes = (text: string): Uint8Array => Buffer.from(text);
const file = (path: string, content = ""): TarMember => ({ kind: "file", path, content: bytes(content) });
const END = new Uint8Array(1024);
const raw = (header: Partial<Parameters<typeof writeHeader>[0]>): Uint8Array =>
  writeHeader({ name: bytes("x"), mode: 0o644, size: 0, modifiedS: 0, type: "0", linkName: bytes(""), ...header });
const padded = (content: Uint8Array): Uint8Array =>
  Buffer.concat([content, new Uint8Array((512 - (content.length % 512)) % 512)]);
const pax = (records: Readonly<Record<string, string>>, type = "x"): Uint8Array => {
  const content = writePax(records);
  return Buffer.concat([raw({ type, size: content.length }), padded(content)]);
};

const segment = fc
  .string({ unit: "binary", minLength: 1, maxLength: 40 })
  .filter((text) => text.isWellFormed() && !/[/\0]/.test(text) && text !== "." && text !== "..");
const path = fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => segments.join("/"));
const member: fc.Arbitrary<TarMember> = fc.oneof(
  fc.record({ kind: fc.constant("file" as const), path, content: fc.uint8Array({ maxLength: 2000 }) }),
  fc.record({ kind: fc.constant("directory" as const), path }),
  fc.record({ kind: fc.constant("symlink" as const), path, linkPath: path }),
  fc.record({ kind: fc.constant("hardlink" as const), path, linkPath: path }),
);

describe("tar", () => {
  it("reads back what it wrote, however the bytes are cut", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(member, { maxLength: 6 }), fc.integer({ min: 1, max: 3000 }), async (members, size) => {
        const found = await read(writeTar(members), {}, size);
        expect(found.map(({ path: name, kind, linkPath, text }) => ({ name, kind, linkPath, text }))).toEqual(
          members.map((one) => ({
            name: one.path,
            kind: one.kind,
            linkPath: "linkPath" in one ? one.linkPath : null,
            text: one.kind === "file" ? Buffer.from(one.content).toString("latin1") : "",
          })),
        );
      }),
      { numRuns: 150 },
    );
  });

  it("gives only safe paths out of any bytes, and refuses the rest in its own words", async () => {
    const archive = writeTar([
      file("a/b", "content"),
      { kind: "symlink", path: "l", linkPath: "t" },
      file("ü".repeat(80)),
    ]);
    const damage = fc.array(
      fc.tuple(fc.integer({ min: 0, max: archive.length - 1 }), fc.integer({ min: 0, max: 255 })),
      {
        minLength: 1,
        maxLength: 8,
      },
    );
    // A wrong checksum alone would hide everything behind it.
    const mend = (damaged: Uint8Array): Uint8Array => {
      for (let at = 0; at + 512 <= damaged.length; at += 512) {
        const block = damaged.subarray(at, at + 512);
        if (Buffer.from(block.subarray(257, 262)).toString("latin1") !== "ustar") continue;
        block.fill(32, 148, 156);
        const sum = block.reduce((total, byte) => total + byte, 0);
        block.set(Buffer.from(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
      }
      return damaged;
    };
    await fc.assert(
      fc.asyncProperty(damage, fc.integer({ min: 0, max: archive.length }), async (changes, length) => {
        const damaged = new Uint8Array(archive.subarray(0, length));
        for (const [at, value] of changes) if (at < length) damaged[at] = value;
        try {
          for (const { path: name } of await read(mend(damaged))) {
            const segments = name.split("/");
            expect(segments.some((one) => one === "" || one === "." || one === "..")).toBe(false);
            expect(name.includes("\0")).toBe(false);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(TarError);
        }
      }),
      { numRuns: 400 },
    );
  });

  it.each(["/etc/passwd", "../x", "a/../../x", "a/..", "..", "a//b", "a/./b"])("refuses the path %j", async (name) => {
    expect(await faultOf(writeTar([file(name)]))).toBe("bad_path");
    expect(await faultOf(Buffer.concat([pax({ path: name }), raw({}), END]))).toBe("bad_path");
    const long = padded(bytes(`${name}\0`));
    expect(await faultOf(Buffer.concat([raw({ type: "L", size: name.length + 1 }), long, raw({}), END]))).toBe(
      "bad_path",
    );
    expect(await faultOf(Buffer.concat([raw({ type: "1", linkName: bytes(name) }), END]))).toBe("bad_path");
  });

  it("takes `./` in front and `/` behind as tar programs write them, and does not give out the root", async () => {
    const archive = Buffer.concat([
      raw({ name: bytes("./"), type: "5" }),
      raw({ name: bytes("./a/"), type: "5" }),
      END,
    ]);
    expect(await read(archive)).toMatchObject([{ path: "a", kind: "directory" }]);
  });

  it.each([
    ["a character device", "3"],
    ["a block device", "4"],
    ["a FIFO", "6"],
    ["GNU's sparse files", "S"],
    ["a kind that nobody knows", "Z"],
  ])("refuses %s", async (_, type) => {
    expect(await faultOf(Buffer.concat([raw({ type }), END]))).toBe("forbidden_kind");
  });

  it("leaves devices out where the reader says so, and counts them", async () => {
    const archive = Buffer.concat([pax({ path: "dev/x" }), raw({ type: "3" }), raw({ name: bytes("a") }), END]);
    const sized = Buffer.concat([raw({ type: "3", size: 512 }), END, END]);
    expect(await read(archive, { skipsDevices: true })).toMatchObject([{ path: "a" }]);
    expect(await faultOf(archive, { skipsDevices: true, limits: { entries: 1 } })).toBe("too_many_entries");
    expect(await faultOf(sized, { skipsDevices: true })).toBe("forbidden_kind");
  });

  it("refuses kinds that the reader does not want", async () => {
    const archive = writeTar([{ kind: "symlink", path: "l", linkPath: "/etc/passwd" }]);
    expect(await faultOf(archive)).toBe("none");
    expect(await faultOf(archive, { kinds: ["file", "directory"] })).toBe("forbidden_kind");
  });

  it("drops set-user-id, set-group-id and sticky", async () => {
    expect(await read(Buffer.concat([raw({ mode: 0o7755 }), END]))).toMatchObject([{ mode: 0o755 }]);
  });

  it("holds archives at their limits before it reads what is over", async () => {
    const two = writeTar([file("a", "12345"), file("b", "12345")]);
    expect(await faultOf(two, { limits: { entries: 1 } })).toBe("too_many_entries");
    expect(await faultOf(two, { limits: { fileBytes: 4 } })).toBe("too_large");
    expect(await faultOf(two, { limits: { totalBytes: 9 } })).toBe("too_large");
    expect(await faultOf(two, { limits: { pathBytes: 0 } })).toBe("bad_path");
    expect(await faultOf(raw({ size: 2 ** 33 - 1 }))).toBe("too_large");
    expect(await faultOf(Buffer.concat([raw({ type: "x", size: 1_000_000 }), END]))).toBe("too_large");
  });

  it("goes by the size of the extended header, for the content and for what follows", async () => {
    const hidden = raw({ name: bytes("smuggled") });
    const archive = Buffer.concat([pax({ size: "512" }), raw({ name: bytes("outer"), size: 0 }), hidden, END]);
    expect(await read(archive)).toMatchObject([{ path: "outer", text: Buffer.from(hidden).toString("latin1") }]);
  });

  it("refuses archives that programs read in different ways", async () => {
    const ok = writeTar([file("a")]);
    expect(await faultOf(Buffer.concat([ok, writeTar([file("b")])]))).toBe("trailing_data");
    expect(await faultOf(Buffer.concat([raw({ type: "5", size: 512 }), END, END]))).toBe("bad_header");
    expect(await faultOf(Buffer.concat([pax({ path: "x" }, "g"), raw({}), END]))).toBe("bad_header");
    expect(await faultOf(Buffer.concat([pax({ path: "x" }), END]))).toBe("truncated");
    expect(await faultOf(Buffer.concat([pax({ "GNU.sparse.major": "1" }), raw({}), END]))).toBe("forbidden_kind");
    expect(await faultOf(Buffer.concat([...Array.from({ length: 5 }, () => pax({ path: "x" })), raw({}), END]))).toBe(
      "bad_header",
    );
  });

  it.each(["", "5", "9 path=", "07 path=x\n", "999 path=x\n", "12 path=xx\n", "6 path\n"])(
    "refuses the extended header %j",
    async (text) => {
      const content = Buffer.concat([raw({ type: "x", size: text.length }), padded(bytes(text)), raw({}), END]);
      expect(await faultOf(content)).toBe(text === "" ? "none" : "bad_header");
    },
  );

  it("refuses an archive that ends too early", async () => {
    const archive = writeTar([file("a", "x".repeat(700))]);
    expect(await faultOf(archive.subarray(0, 900))).toBe("truncated");
    expect(await faultOf(archive.subarray(0, 512 + 1024))).toBe("truncated");
    expect(await faultOf(new Uint8Array())).toBe("truncated");
  });

  it("refuses names that are not UTF-8 and numbers that are none", async () => {
    expect(await faultOf(Buffer.concat([raw({ name: Buffer.from([0xff, 0xfe]) }), END]))).toBe("bad_path");
    const negative = Buffer.from(raw({}));
    negative.fill(0xff, 124, 136);
    negative.fill(32, 148, 156);
    const sum = negative.reduce((total, byte) => total + byte, 0);
    negative.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
    expect(await faultOf(Buffer.concat([negative, END]))).toBe("bad_header");
    expect(await faultOf(new Uint8Array(2048).fill(1))).toBe("bad_header");
  });

  it.each(["ustar", "pax", "gnu", "v7"])(
    "reads what tar writes in its %s format, and tar reads what it writes",
    async (format) => {
      const directory = mkdtempSync(join(tmpdir(), "tar-test-"));
      try {
        writeFileSync(join(directory, "plain"), "hello");
        symlinkSync("plain", join(directory, "link"));
        const long = "long-name-".repeat(9);
        if (format !== "v7") writeFileSync(join(directory, `${long}.txt`), "x".repeat(3000));
        const archive = execFileSync("tar", [`--format=${format}`, "-C", directory, "-cf", "-", "."]);
        const found = await read(archive);
        expect(found.find(({ path: name }) => name === "plain")?.text).toBe("hello");
        expect(found.find(({ path: name }) => name === "link")).toMatchObject({ kind: "symlink", linkPath: "plain" });
        if (format !== "v7") expect(found.some(({ path: name }) => name === `${long}.txt`)).toBe(true);
        const listed = execFileSync("tar", ["-tf", "-"], {
          input: writeTar([file("ü/ö", "x"), file(`${"deep/".repeat(40)}f`)]),
        });
        expect(listed.toString().split("\n")).toHaveLength(3);
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    },
  );
});
