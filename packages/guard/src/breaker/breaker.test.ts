import { describe, expect, test } from "vitest";
import { type BreakerState, createBreaker, type Permit } from "./breaker.ts";

function start(settings = { failures: 3, openMs: 100, maxOpenMs: 300 }) {
  const clock = { at: 0, now: () => clock.at };
  const states: BreakerState[] = [];
  const breaker = createBreaker(settings, clock, (state) => states.push(state));
  const enter = (): Permit => {
    const permit = breaker.enter();
    if (permit === null) throw new Error("the breaker let nothing in");
    return permit;
  };
  const fail = (times: number): void => {
    for (let i = 0; i < times; i++) enter().failed();
  };
  return { clock, breaker, states, enter, fail };
}

describe("a breaker", () => {
  test("opens after so many failures in a row, and not before", () => {
    const { breaker, fail, enter } = start();
    fail(2);
    enter().succeeded();
    fail(2);
    expect(breaker.state()).toBe("closed");
    fail(1);
    expect(breaker.state()).toBe("open");
    expect(breaker.enter()).toBeNull();
    expect(breaker.waitMs()).toBe(100);
  });

  test("lets one call probe when its time is over, and closes when that succeeds", () => {
    const { breaker, clock, fail, enter, states } = start();
    fail(3);
    clock.at = 99;
    expect(breaker.enter()).toBeNull();
    clock.at = 100;
    expect(breaker.waitMs()).toBe(0);
    const probe = enter();
    expect(breaker.enter()).toBeNull();
    probe.succeeded();
    enter();
    enter();
    expect(states).toEqual(["open", "half_open", "closed"]);
  });

  test("a probe that fails opens it for twice the time, up to the most", () => {
    const { breaker, clock, fail, enter } = start();
    fail(3);
    for (const wait of [200, 300, 300]) {
      clock.at += breaker.waitMs();
      enter().failed();
      expect(breaker.waitMs()).toBe(wait);
    }
    clock.at += breaker.waitMs();
    enter().succeeded();
    fail(3);
    expect(breaker.waitMs()).toBe(100);
  });

  test("a probe whose caller left leaves the place to the next", () => {
    const { breaker, clock, fail, enter } = start();
    fail(3);
    clock.at = 100;
    enter().forgotten();
    enter().succeeded();
    expect(breaker.state()).toBe("closed");
  });

  test("what began before it opened neither closes it nor keeps it open", () => {
    const { breaker, clock, fail, enter } = start();
    const [early, late] = [enter(), enter()];
    fail(3);
    early.succeeded();
    expect(breaker.state()).toBe("open");
    clock.at = 100;
    const probe = enter();
    late.failed();
    expect(breaker.state()).toBe("half_open");
    probe.succeeded();
    expect(breaker.state()).toBe("closed");
  });

  test("a permit counts once", () => {
    const { breaker, enter } = start();
    const permit = enter();
    for (let i = 0; i < 5; i++) permit.failed();
    expect(breaker.state()).toBe("closed");
  });
});
