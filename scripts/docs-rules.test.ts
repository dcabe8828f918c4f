import { describe, expect, it } from "vitest";
import { anchorOf, differenceFindings, linkFindings, rowNames, sections } from "./docs-rules.ts";

const files = (documents: Record<string, string>) => Object.entries(documents).map(([path, text]) => ({ path, text }));

describe("docs rules", () => {
  it("finds a link to a file or a heading that is not there", () => {
    const found = linkFindings(
      files({
        "docs/a.md": "# A\n[b](b.md) [c](c.md) [top](#a) [gone](#gone)\n[deep](b.md#part-two) [bad](b.md#part-three)",
        "docs/b.md": "## Part two",
      }),
    );
    expect(found).toEqual([
      "docs/a.md:2: no such file: c.md",
      "docs/a.md:2: no such heading: #gone",
      "docs/a.md:3: no such heading: b.md#part-three",
    ]);
  });

  it("accepts links to folders, to the web, and anything in a code block", () => {
    const text = "[web](https://example.test/x) [folder](packages/)\n```\n[x](nowhere.md)\n```";
    expect(linkFindings(files({ "README.md": text, "packages/a.ts": "" }))).toEqual([]);
  });

  it("finds a promise whose test is gone, and accepts other quotes", () => {
    const text = "[stops a `fork` bomb](test/a.test.ts) [never heard of](test/a.test.ts) [`a.test.ts`](test/a.test.ts)";
    const found = linkFindings(files({ "SPECIFICATION.md": text, "test/a.test.ts": `it('stops a "fork" bomb')` }));
    expect(found).toEqual([`SPECIFICATION.md:1: test/a.test.ts holds no "never heard of"`]);
  });

  it("finds names on one side only", () => {
    expect(differenceFindings("error", new Set(["a", "b"]), new Set(["b", "c"]))).toEqual([
      "error a is not documented",
      "error c is documented but does not exist",
    ]);
  });

  it("reads sections, rows and anchors", () => {
    expect(sections("## not_found\n\n## Two words\n## `internal`\n")).toEqual(new Set(["not_found", "internal"]));
    expect(rowNames("| `A_B` | x |\n| c | d |\n")).toEqual(new Set(["A_B"]));
    expect(anchorOf("What happens if… `npm test`, fails?")).toBe("what-happens-if-npm-test-fails");
  });
});
