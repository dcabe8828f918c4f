import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createBubblewrapEngine, detectLanguages, LANGUAGES, MAX_LIMITS, MIN_LIMITS } from "../src/index.ts";
import type { Engine } from "../src/index.ts";

/** Reads standard input and an argument, writes to both streams, ends with code 3. */
const PROGRAMS: Readonly<Record<string, string>> = {
  python: `import sys; name = sys.stdin.readline().strip(); print(f"hello {name} {sys.argv[1]}"); print("note", file=sys.stderr); sys.exit(3)`,
  javascript: `const name = require("fs").readFileSync(0, "utf8").trim(); console.log(\`hello \${name} \${process.argv[2]}\`); console.error("note"); process.exitCode = 3;`,
  typescript: `import { readFileSync } from "node:fs"; enum Code { End = 3 } const name: string = readFileSync(0, "utf8").trim(); console.log(\`hello \${name} \${process.argv[2]}\`); console.error("note"); process.exitCode = Code.End;`,
  bash: `read -r name; echo "hello $name $1"; echo note > /dev/stderr; exit 3`,
  c: `#include <stdio.h>\nint main(int c, char **v) { char n[20]; scanf("%19s", n); printf("hello %s %s\\n", n, v[1]); fputs("note\\n", stderr); return 3; }`,
  "c++": `#include <iostream>\nint main(int, char **v) { std::string n; std::cin >> n; std::cout << "hello " << n << ' ' << v[1] << '\\n'; std::cerr << "note\\n"; return 3; }`,
  go: `package main\nimport ("fmt"; "os")\nfunc main() { var n string; fmt.Scan(&n); fmt.Println("hello", n, os.Args[1]); fmt.Fprintln(os.Stderr, "note"); os.Exit(3) }`,
  rust: `use std::io::BufRead; fn main() { let n = std::io::stdin().lock().lines().next().unwrap().unwrap(); println!("hello {} {}", n, std::env::args().nth(1).unwrap()); eprintln!("note"); std::process::exit(3) }`,
  java: `import java.util.Scanner;\npublic class Main { public static void main(String[] a) { System.out.println("hello " + new Scanner(System.in).next() + " " + a[0]); System.err.println("note"); System.exit(3); } }`,
  ruby: `name = STDIN.gets.strip; puts "hello #{name} #{ARGV[0]}"; warn "note"; exit 3`,
  perl: `my $name = <STDIN>; chomp $name; print "hello $name $ARGV[0]\\n"; print STDERR "note\\n"; exit 3;`,
  php: `<?php $name = trim(fgets(STDIN)); echo "hello $name {$argv[1]}\\n"; fwrite(STDERR, "note\\n"); exit(3);`,
  lua: `local name = io.read("l"); print("hello " .. name .. " " .. arg[1]); io.stderr:write("note\\n"); os.exit(3)`,
  r: `name <- readLines(file("stdin"), 1); cat("hello", name, commandArgs(TRUE)[1], "\\n"); message("note"); quit(status = 3)`,
};

const installed = await detectLanguages();
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

describe("every language in bubblewrap", () => {
  let engine: Engine;
  beforeAll(() => {
    engine = createBubblewrapEngine({ languages: installed, bounds: { min: MIN_LIMITS, max: MAX_LIMITS }, slots: 2 });
  });
  afterAll(() => engine.close());

  it("has a program for each row of the table", () => {
    expect(Object.keys(PROGRAMS).toSorted()).toEqual(LANGUAGES.map((language) => language.name).toSorted());
  });

  for (const { name, debianPackage } of LANGUAGES) {
    const language = installed.find((one) => one.name === name);
    it.skipIf(language === undefined)(
      `runs ${name}${language === undefined ? ` (skipped: not installed; apt-get install ${debianPackage})` : ""}`,
      async () => {
        const outcome = await engine.run({
          language: name,
          files: [{ path: language?.defaultFile ?? "", content: new TextEncoder().encode(PROGRAMS[name]) }],
          args: ["$HOME"],
          stdin: new TextEncoder().encode("world\n"),
        });
        const compileOutput = outcome.compile === null ? "" : text(outcome.compile.stderr);
        expect(outcome, `${outcome.reason} ${compileOutput} ${text(outcome.stderr)}`).toMatchObject({
          status: "exited",
          exitCode: 3,
          languageVersion: language?.version,
          // No compiler and no runtime does by itself what counts against a program.
          violations: [],
        });
        expect(text(outcome.stdout).trim()).toBe("hello world $HOME");
        expect(text(outcome.stderr)).toContain("note");
        expect(outcome.compile !== null).toBe(language?.compiled);
      },
    );
  }
});
