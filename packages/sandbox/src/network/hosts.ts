import { SpecError } from "../errors.ts";

/** One entry of an allow-list: a name, or every name below one. */
export interface AllowedHost {
  /** Lower case, without a final dot. */
  readonly name: string;
  /** `*.example.org`: names below `name`, not `name` itself. */
  readonly isWildcard: boolean;
  readonly port: number;
}

/** A name and port as a program asked for them, checked for shape only. */
export interface Target {
  readonly name: string;
  readonly port: number;
}

const MAX_NAME_LENGTH = 253;
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
/** A last label that a URL parser would read as a number makes the name an address: 127.1, 0x7f.1, 2130706433. */
const NUMERIC_LABEL = /^(\d+|0x[0-9a-f]*)$/;
const PORT = /^[1-9]\d{0,4}$/;
export const MAX_ALLOWED_HOSTS = 64;

/** The name in its one form; null for what is no DNS name: addresses, underscores, Unicode, empty labels. */
export function parseName(text: string): string | null {
  const name = text.toLowerCase().replace(/\.$/, "");
  if (name === "" || name.length > MAX_NAME_LENGTH) return null;
  const labels = name.split(".");
  if (!labels.every((label) => LABEL.test(label))) return null;
  return NUMERIC_LABEL.test(labels.at(-1) ?? "") ? null : name;
}

function parsePort(text: string): number | null {
  if (!PORT.test(text)) return null;
  const port = Number(text);
  return port <= 65_535 ? port : null;
}

/** `name:port` as a CONNECT request writes it; null for anything else. */
export function parseTarget(text: string): Target | null {
  const colon = text.lastIndexOf(":");
  if (colon === -1) return null;
  const name = parseName(text.slice(0, colon));
  const port = parsePort(text.slice(colon + 1));
  return name === null || port === null ? null : { name, port };
}

/** `name:port` or `*.name:port`; null for anything else. A wildcard needs two labels: `*.com` is nobody's wish. */
export function parseAllowedHost(text: string): AllowedHost | null {
  const isWildcard = text.startsWith("*.");
  const target = parseTarget(isWildcard ? text.slice(2) : text);
  if (target === null || (isWildcard && !target.name.includes("."))) return null;
  return { ...target, isWildcard };
}

/**
 * A whole allow-list.
 * @throws SpecError naming the entry (`network.allow[2]`) that is no `host:port`, or that there are too many.
 */
export function parseAllowList(entries: readonly string[], field = "network.allow"): AllowedHost[] {
  if (entries.length > MAX_ALLOWED_HOSTS)
    throw new SpecError("invalid_field", field, `${field} must hold at most ${MAX_ALLOWED_HOSTS} entries`);
  return entries.map((entry, index) => {
    const allowed = parseAllowedHost(entry);
    if (allowed !== null) return allowed;
    const where = `${field}[${index}]`;
    throw new SpecError(
      "invalid_field",
      where,
      `${where} must be a DNS name and a port, such as example.org:443 or *.example.org:443; addresses are not taken`,
    );
  });
}

const below = (name: string, parent: string): boolean => name.endsWith(`.${parent}`);

/** Whether the list lets a program reach this target. An empty list lets it reach nothing. */
export function isAllowed(target: Target, list: readonly AllowedHost[]): boolean {
  return list.some(
    ({ name, isWildcard, port }) =>
      port === target.port && (isWildcard ? below(target.name, name) : target.name === name),
  );
}

/** Whether everything that `wanted` allows is allowed by `ceiling` too. */
export function isCovered(wanted: AllowedHost, ceiling: readonly AllowedHost[]): boolean {
  return ceiling.some(({ name, isWildcard, port }) => {
    if (port !== wanted.port) return false;
    if (!isWildcard) return !wanted.isWildcard && wanted.name === name;
    return below(wanted.name, name) || (wanted.isWildcard && wanted.name === name);
  });
}

/** As `parseAllowedHost` reads it. */
export function formatAllowedHost({ name, isWildcard, port }: AllowedHost): string {
  return `${isWildcard ? "*." : ""}${name}:${port}`;
}

/**
 * What a run asks for, against what the operator lets runs reach.
 * @throws SpecError for what is no `name:port`, and for what the operator has not allowed.
 */
export function checkNetwork(wanted: readonly string[], allowed: readonly string[]): AllowedHost[] {
  const ceiling = parseAllowList(allowed, "the operator's list");
  const list = parseAllowList(wanted);
  for (const [index, host] of list.entries()) {
    if (isCovered(host, ceiling)) continue;
    const field = `network.allow[${index}]`;
    const may = allowed.length === 0 ? "no run has a network" : `runs may reach ${allowed.join(", ")}`;
    throw new SpecError("network_not_allowed", field, `${field} is ${formatAllowedHost(host)}; here ${may}`);
  }
  return list;
}
