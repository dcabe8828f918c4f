import { expect, test } from "vitest";
import { EngineUnavailableError } from "../errors.ts";
import { findTools, platformPackage } from "./tools.ts";

test.each([
  ["linux", "x64", "@deno/linux-x64-glibc"],
  ["linux", "arm64", "@deno/linux-arm64-glibc"],
  ["darwin", "arm64", "@deno/darwin-arm64"],
  ["darwin", "x64", "@deno/darwin-x64"],
] as const)("on %s with %s Deno comes from the package %s", (platform, arch, name) => {
  expect(platformPackage(platform, arch)).toBe(name);
});

test("a system that Deno is not installed for is told so, by the name of the package", () => {
  expect(() => findTools(undefined, "sunos")).toThrow(EngineUnavailableError);
  expect(() => findTools(undefined, "sunos")).toThrow(/@deno\/sunos-/);
});
