import { describe, expect, it } from "vitest";
import { findings } from "./safety.ts";
import { ROOT } from "./steps.ts";

const inFile = (path: string, text: string) => findings([{ path, text }]).length;

describe("safety", () => {
  it("lets only the sandbox's process folder start processes", () => {
    const text = `import { spawn } from "node:child_process";`;
    expect(inFile("packages/sandbox/src/process/start.ts", text)).toBe(0);
    expect(inFile("packages/sandbox/src/bubblewrap/engine.ts", text)).toBe(1);
    expect(inFile("apps/server/src/http/app.ts", text)).toBe(1);
    expect(inFile("apps/server/src/http/app.test.ts", text)).toBe(0);
  });

  it("lets only config.ts read the environment", () => {
    expect(inFile("apps/server/src/config.ts", "process.env.HOME")).toBe(0);
    expect(inFile("apps/server/src/http/app.ts", "process.env.HOME")).toBe(1);
    expect(inFile("apps/server/src/http/app.ts", `import { env } from "node:process";`)).toBe(1);
  });

  it("finds code made from text", () => {
    expect(inFile("apps/cli/src/a.ts", "new Function('x')")).toBe(1);
  });

  it("finds paths of the machine and registry hosts anywhere", () => {
    expect(inFile("docs/a.md", `${ROOT}/packages`)).toBe(1);
    expect(inFile("docs/a.md", "/home/alice/project")).toBe(1);
    expect(inFile("package-lock.json", `"resolved": "https://example.test/a.tgz"`)).toBe(1);
  });
});
