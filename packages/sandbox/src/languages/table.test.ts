import { describe, expect, it } from "vitest";
import { findLanguage, LANGUAGES } from "./table.ts";

describe("language table", () => {
  it("has the fourteen languages that are promised", () => {
    expect(LANGUAGES.map((language) => language.name).toSorted()).toEqual(
      [
        "bash",
        "c",
        "c++",
        "go",
        "java",
        "javascript",
        "lua",
        "perl",
        "php",
        "python",
        "r",
        "ruby",
        "rust",
        "typescript",
      ].toSorted(),
    );
  });

  it.each([
    ["public class Hello {}", "Hello.java"],
    ["import java.util.*;\n\npublic final class Hello {\n}", "Hello.java"],
    ["class Helper {}\n  public class Two {}", "Two.java"],
    ["// a class of its own\nclass Only { class Inner {} }", "Only.java"],
    ["class Helper {}\nclass Main {}", null],
    ["record Größe(int n) {}", "Größe.java"],
    ["int x;", null],
  ])("names Java's file after its class: %j as %j", (source, file) => {
    expect(findLanguage(LANGUAGES, "java")?.fileFor?.(source)).toBe(file);
  });

  it("names nothing twice", () => {
    const names = LANGUAGES.flatMap((language) => [language.name, ...language.aliases]);
    expect(new Set(names).size).toBe(names.length);
    const extensions = LANGUAGES.flatMap((language) => language.extensions);
    expect(new Set(extensions).size).toBe(extensions.length);
  });

  it("gives each a default file with its own extension", () => {
    for (const { defaultFile, extensions, name } of LANGUAGES) {
      expect(
        extensions.some((extension) => defaultFile.endsWith(extension)),
        name,
      ).toBe(true);
    }
  });

  it("finds by name and alias without regard to case", () => {
    expect(findLanguage(LANGUAGES, "PY")?.name).toBe("python");
    expect(findLanguage(LANGUAGES, "C++")?.name).toBe("c++");
    expect(findLanguage(LANGUAGES, "brainfuck")).toBeUndefined();
  });
});
