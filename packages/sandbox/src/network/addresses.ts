import { BlockList, isIPv4, isIPv6 } from "node:net";
import { networkInterfaces } from "node:os";

/** IANA IPv4 special-purpose registry: everything that is not a unicast address of the public internet. */
const RESERVED_IPV4 = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
];
/** Global unicast; all else (loopback, link-local, unique local, mapped, NAT64, multicast) is outside of it. */
const GLOBAL_IPV6 = ["2000::/3"];
/** Inside of it, but tunnels to IPv4 (Teredo, 6to4), protocol assignments, and documentation. */
const RESERVED_IPV6 = ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"];
/** Public in form, but a service of a cloud that hands out credentials or answers as the machine. */
const METADATA = ["168.63.129.16"];

function listOf(family: "ipv4" | "ipv6", ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = "", bits] = range.split("/");
    list.addSubnet(address, Number(bits), family);
  }
  return list;
}

const reservedIpv4 = listOf("ipv4", RESERVED_IPV4);
const globalIpv6 = listOf("ipv6", GLOBAL_IPV6);
const reservedIpv6 = listOf("ipv6", RESERVED_IPV6);

/** Addresses of this very machine: public ones too are a way to what listens here. */
export function ownAddresses(): ReadonlySet<string> {
  return new Set(
    Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .map(({ address }) => address),
  );
}

/** Whether a program may be connected to this address: public unicast, and not of this machine. */
export function isReachable(address: string, own: ReadonlySet<string>): boolean {
  if (own.has(address) || METADATA.includes(address)) return false;
  if (isIPv4(address)) return !reservedIpv4.check(address, "ipv4");
  if (!isIPv6(address) || address.includes("%")) return false;
  return globalIpv6.check(address, "ipv6") && !reservedIpv6.check(address, "ipv6");
}
