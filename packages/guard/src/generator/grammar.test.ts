import { describe, expect, it } from "vitest";
import { compileGrammar } from "./grammar.ts";
import { createRandom } from "./random.ts";

const random = () => createRandom(5);

describe("the grammar", () => {
  it("draws every alternative and every template of a list", () => {
    const grammar = compileGrammar({ start: ["{a|b} {rest}"], rest: ["c", "d"] });
    const source = random();
    const seen = new Set(Array.from({ length: 200 }, () => grammar.expand(source, "start")));
    expect([...seen].toSorted()).toEqual(["a c", "a d", "b c", "b d"]);
  });

  it("makes the first letter a capital where a caret asks for it", () => {
    const grammar = compileGrammar({ start: ["{^rest}. {^or|or}. {^so it is}"], rest: ["first"] });
    expect(grammar.expand(random(), "start")).toBe("First. Or. So it is");
  });

  it("chooses the article by the word after it", () => {
    const grammar = compileGrammar({ start: ["{a|an} {x} and {^a|an} {y}"], x: ["owl"], y: ["fox"] });
    expect(grammar.expand(random(), "start")).toBe("an owl and A fox");
  });

  it("keeps the braces of JSON and code", () => {
    const grammar = compileGrammar({ start: ['{"id": 1} if (x) { return 2; }'] });
    expect(grammar.expand(random(), "start")).toBe('{"id": 1} if (x) { return 2; }');
  });

  it("repeats a bound value and refuses to go on without one", () => {
    const grammar = compileGrammar({ start: ["{NAME} is {NAME}"] });
    expect(grammar.expand(random(), "start", { NAME: "Eve" })).toBe("Eve is Eve");
    expect(() => grammar.expand(random(), "start")).toThrow("no value for {NAME}");
  });

  it("names a list that does not exist, also one that was meant as a list", () => {
    expect(() => compileGrammar({ start: ["{nothing}"] })).toThrow('no list "nothing"');
    expect(() => compileGrammar({ start: ["{fullName|someone}"], fullName: ["x"] })).toThrow(
      '"fullName" stands as a word',
    );
    expect(() => compileGrammar({ start: ["x"] }).expand(random(), "other")).toThrow('no list "other"');
  });

  it("leaves no double spaces where an alternative was empty, but keeps indentation", () => {
    const grammar = compileGrammar({ start: ["a {|} b {|}.\n    c"] });
    expect(grammar.expand(random(), "start")).toBe("a b.\n    c");
  });
});
