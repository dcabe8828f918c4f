import fc from "fast-check";
import { normalize } from "node:path/posix";
import { describe, expect, it } from "vitest";
import { SpecError } from "../errors.ts";
import { checkFiles } from "./files.ts";

const file = (path: string) => ({ path, content: new Uint8Array() });

function faultOf(...paths: string[]): SpecError | null {
  try {
    checkFiles(paths.map(file));
    return null;
  } catch (error) {
    if (error instanceof SpecError) return error;
    throw error;
  }
}

describe("checkFiles", () => {
  it("accepts ordinary names", () => {
    expect(faultOf("main.py", "lib/util.py", "lib/deep/x", ".hidden", "with space", "ünïcode", "a..b")).toBeNull();
  });

  it.each([
    ["", "empty"],
    ["/etc/passwd", "relative"],
    ["../x", "climb"],
    ["a/../../x", "climb"],
    ["a/..", "climb"],
    ["a//b", "empty or"],
    ["./a", "empty or"],
    ["a/", "empty or"],
    ["a\0b", "NUL"],
    ["x".repeat(256), "255 bytes"],
  ])("refuses %j and says why", (path, why) => {
    const fault = faultOf("ok", path);
    expect(fault?.field).toBe("files[1].path");
    expect(fault?.message).toContain(why);
  });

  it("refuses a name given twice, and a file that is a directory of another", () => {
    expect(faultOf("a", "a")?.message).toContain("twice");
    expect(faultOf("a/b", "a")).toMatchObject({ field: "files[1].path" });
    expect(faultOf("a", "a/b")).toMatchObject({ field: "files[0].path" });
  });

  it("refuses no files and too many", () => {
    expect(faultOf()?.field).toBe("files");
    expect(faultOf(...Array.from({ length: 257 }, (_, index) => `f${index}`))?.field).toBe("files");
  });

  it("refuses more directories than bwrap takes", () => {
    const deep = Array.from({ length: 20 }, (_, index) => `d${index}/${"e/".repeat(100)}f`);
    expect(faultOf(...deep)?.message).toContain("1024 directories");
  });

  it("lets nothing through that leaves the working directory", () => {
    const segment = fc.constantFrom("..", ".", "", "a", "b", "/", "\0", "..a", "a..");
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1, maxLength: 6 }), (segments) => {
        const path = segments.join("/");
        if (faultOf(path) !== null) return;
        expect(normalize(`/box/cwd/${path}`)).toBe(`/box/cwd/${path}`);
      }),
    );
  });
});
