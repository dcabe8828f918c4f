import { expect, test } from "vitest";
import { isReachable } from "./addresses.ts";
import { createPins } from "./resolve.ts";

const none = new Set<string>();

test.each([
  "0.0.0.0",
  "10.1.2.3",
  "100.64.0.1",
  "127.0.0.1",
  "127.255.255.254",
  "169.254.169.254",
  "172.16.0.1",
  "172.31.255.255",
  "192.0.0.192",
  "192.168.1.1",
  "198.18.0.1",
  "203.0.113.9",
  "224.0.0.1",
  "255.255.255.255",
  "168.63.129.16",
  "::",
  "::1",
  "::ffff:127.0.0.1",
  "::ffff:8.8.8.8",
  "64:ff9b::7f00:1",
  "fe80::1",
  "fe80::1%eth0",
  "fc00::1",
  "fd00:ec2::254",
  "ff02::1",
  "2001::1",
  "2001:db8::1",
  "2002:7f00:1::",
  "",
  "example.org",
])("%s is out of reach", (address) => {
  expect(isReachable(address, none)).toBe(false);
});

test.each(["1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700:4700::1111"])("%s can be reached", (address) => {
  expect(isReachable(address, none)).toBe(true);
});

test("an address of this machine is out of reach, public or not", () => {
  expect(isReachable("1.1.1.1", new Set(["1.1.1.1"]))).toBe(false);
});

test("a name with one reserved address among its public ones is refused", async () => {
  const pin = createPins(async () => ["1.1.1.1", "10.0.0.1"], none);
  expect(await pin("example.org")).toEqual({ kind: "refused", reason: "reserved_address" });
});

test("a name keeps its first answer, so that it cannot become another address later", async () => {
  const answers = [["1.1.1.1"], ["127.0.0.1"]];
  const pin = createPins(async () => answers.shift() ?? [], none);
  expect(await pin("example.org")).toEqual({ kind: "address", address: "1.1.1.1" });
  expect(await pin("example.org")).toEqual({ kind: "address", address: "1.1.1.1" });
});

test("a name service that does not answer is an unknown name, and is asked again", async () => {
  let calls = 0;
  const pin = createPins(async () => {
    calls += 1;
    if (calls === 1) throw new Error("time-out");
    return ["1.1.1.1"];
  }, none);
  expect(await pin("example.org")).toEqual({ kind: "refused", reason: "unknown_name" });
  expect((await pin("example.org")).kind).toBe("address");
});
