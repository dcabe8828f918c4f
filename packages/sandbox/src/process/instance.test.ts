import { describe, expect, it } from "vitest";
import { instanceName, isAbandoned } from "./instance.ts";

describe("instance names", () => {
  it("never takes the living for the dead", () => {
    expect(isAbandoned(instanceName())).toBe(false);
    expect(isAbandoned("p1-0-0-ab")).toBe(false);
    expect(isAbandoned("something else")).toBe(false);
  });

  it("sees that a process is gone, also when its number was given to another", () => {
    const [pid, start, namespace] = instanceName().slice(1).split("-");
    expect(isAbandoned(`p4194305-${start}-${namespace}-ab`)).toBe(true);
    expect(isAbandoned(`p${pid}-${Number(start) - 1}-${namespace}-ab`)).toBe(true);
  });

  it("leaves alone what another pid namespace made", () => {
    const [, start, namespace] = instanceName().slice(1).split("-");
    expect(isAbandoned(`p4194305-${start}-${Number(namespace) + 1}-ab`)).toBe(false);
  });
});
