import { Resolver } from "node:dns/promises";
import { isReachable, ownAddresses } from "./addresses.ts";

/** All addresses of a name, IPv4 first; empty when it has none. @throws Error when the question cannot be asked. */
export type Lookup = (name: string) => Promise<readonly string[]>;

/** Where to connect, or why not. */
export type Pin =
  | { readonly kind: "address"; readonly address: string }
  | { readonly kind: "refused"; readonly reason: "reserved_address" | "unknown_name" };

const TIMEOUT_MS = 3_000;
/** Answers kept for one run: below a wildcard there is any number of names. */
const MAX_NAMES = 512;

/** Asks the host's name servers. Not the host's hosts file: what it names is the host's own affair. */
export function createLookup(): Lookup {
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: 2 });
  return async (name) => {
    const answers = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
    return answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
  };
}

/**
 * Resolves each name once and keeps the answer, so that a name cannot become another address between the check
 * and the connection (DNS rebinding). One reserved address among the answers refuses the name.
 */
export function createPins(lookup: Lookup, own: ReadonlySet<string> = ownAddresses()): (name: string) => Promise<Pin> {
  const pins = new Map<string, Promise<Pin>>();
  const ask = async (name: string): Promise<Pin> => {
    let addresses: readonly string[];
    try {
      addresses = await lookup(name);
    } catch {
      addresses = [];
    }
    const [first] = addresses;
    if (first === undefined) {
      pins.delete(name);
      return { kind: "refused", reason: "unknown_name" };
    }
    if (!addresses.every((address) => isReachable(address, own)))
      return { kind: "refused", reason: "reserved_address" };
    return { kind: "address", address: first };
  };
  return (name) => {
    let pin = pins.get(name);
    if (pin === undefined) {
      if (pins.size >= MAX_NAMES) return Promise.resolve({ kind: "refused", reason: "unknown_name" });
      pin = ask(name);
      pins.set(name, pin);
    }
    return pin;
  };
}
