import { describe, expect, it } from "vitest";
import { importsOf, violations } from "./import-rule.ts";

const from = (path: string, text: string) => violations([{ path, text }]);

describe("import rule", () => {
  it("finds http reaching into the worker, with file and line", () => {
    const found = from(
      "apps/server/src/http/app.ts",
      `import a from "fastify";\nimport { work } from "../worker/loop.ts";\n`,
    );
    expect(found).toEqual([
      "apps/server/src/http/app.ts:2: apps/server/src/http/ may not import apps/server/src/worker/loop.ts",
    ]);
  });

  it.each([
    ["http to the sandbox", "apps/server/src/http/a.ts", "@crucible/sandbox"],
    ["http to the queue", "apps/server/src/http/a.ts", "../queue/queue.ts"],
    ["worker to http", "apps/server/src/worker/a.ts", "../http/app.ts"],
    ["worker to the executor itself", "apps/server/src/worker/a.ts", "../executor/executor.ts"],
    ["executor to the store", "apps/server/src/executor/a.ts", "../store/runs.ts"],
    ["executor to the configuration", "apps/server/src/executor/a.ts", "../config.ts"],
    ["submit to http", "apps/server/src/submit/a.ts", "../http/app.ts"],
    ["sandbox to the contract", "packages/sandbox/src/a.ts", "@crucible/contract"],
    ["contract to the sandbox", "packages/contract/src/a.ts", "@crucible/sandbox"],
    ["contract to an app by path", "packages/contract/src/a.ts", "../../../apps/server/src/index.ts"],
    ["cli to the server at start", "apps/cli/src/a.ts", "@crucible/server"],
    ["a leaf to a step", "apps/server/src/log.ts", "./worker/loop.ts"],
    ["black-box test to an app", "test/acceptance/a.test.ts", "../../apps/server/src/index.ts"],
  ])("refuses %s", (_what, path, specifier) => {
    expect(from(path, `import { a } from "${specifier}";`)).toHaveLength(1);
    expect(from(path, `export * from "${specifier}";`)).toHaveLength(1);
    expect(from(path, `import type {\n  A,\n  B,\n} from "${specifier}";`)).toHaveLength(1);
  });

  it.each([
    ["worker to the executor's interface", "apps/server/src/worker/a.ts", "../executor/types.ts"],
    ["executor to the sandbox", "apps/server/src/executor/a.ts", "@crucible/sandbox"],
    ["http to submit", "apps/server/src/http/a.ts", "../submit/types.ts"],
    ["composition to everything", "apps/server/src/compose.ts", "./worker/loop.ts"],
    ["anyone to Node and npm", "packages/sandbox/src/a.ts", "node:fs"],
    ["a test to a part it wires", "apps/server/src/http/a.test.ts", "../worker/loop.ts"],
  ])("accepts %s", (_what, path, specifier) => {
    expect(from(path, `import { a } from "${specifier}";`)).toEqual([]);
  });

  it("lets the CLI load the server only when it is needed", () => {
    expect(from("apps/cli/src/serve.ts", `const { serve } = await import("@crucible/server");`)).toEqual([]);
  });

  it("does not read imports in comments", () => {
    expect(importsOf(`// import "a"\n/* import "b" */\nimport "c";\n`).map((found) => found.specifier)).toEqual(["c"]);
  });
});
