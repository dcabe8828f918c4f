import { expect, test } from "vitest";
import { spareProcesses } from "./spare-processes.ts";

test.each([
  [true, true, "4.19.0", 16],
  [true, false, "4.19.0", 2],
  [false, false, "6.1.0-28-amd64", 2],
  [false, true, "6.1.0", 16],
  [false, false, "5.14.0-427.el9.x86_64", 2],
  [false, false, "5.13.19", null],
  [false, false, "5.4.0", null],
  [false, false, "unreadable", null],
])("own uid %s, control group %s, Linux %s: %s", (changesUid, grouped, release, spare) => {
  expect(spareProcesses({ changesUid, grouped, release })).toBe(spare);
});
