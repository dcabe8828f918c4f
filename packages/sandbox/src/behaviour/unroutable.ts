import { closeSync, openSync, readSync } from "node:fs";
import type { Violation } from "../types.ts";
import { violation } from "./rules.ts";

/** Counts, for one network namespace, how often a program asked for an address that has no route in it. */
export interface RouteWatch extends Disposable {
  /** So far, since the namespace was made; works also when every process of it has ended. */
  attempts(): number;
  /** What there is to say of all of them. */
  seen(): Violation[];
}

/** What there is to say of so many attempts. */
export function unroutableViolations(attempts: number): Violation[] {
  if (attempts <= 0) return [];
  return [violation("denied_network_request", `asked ${attempts} times for an address outside of its sandbox`)];
}

/** Both files have less than 4 KB. */
const MOST_BYTES = 8 * 1024;

function read(fd: number): string {
  const buffer = Buffer.allocUnsafe(MOST_BYTES);
  return buffer.toString("latin1", 0, readSync(fd, buffer, 0, MOST_BYTES, 0));
}

/** `Ip: Forwarding … OutNoRoutes …` above a line with the values (proc(5), /proc/net/snmp). */
function noRoutes4(text: string): number {
  const [names = [], values = []] = text.split("\n", 2).map((line) => line.split(" "));
  return Number(values[names.indexOf("OutNoRoutes")] ?? 0);
}

/** `Ip6OutNoRoutes 0`, a line for each counter. */
function noRoutes6(text: string): number {
  return Number(/^Ip6OutNoRoutes\s+(\d+)/m.exec(text)?.[1] ?? 0);
}

/**
 * Watches the network namespace of a process. The open files hold the namespace's counters: they can be read when
 * the namespace has no process any more. They are the kernel's; nothing of the program's is opened.
 * @returns null where the kernel does not show them.
 */
export function watchRoutes(pid: number): RouteWatch | null {
  const fds: number[] = [];
  const close = (): void => {
    for (const fd of fds.splice(0)) closeSync(fd);
  };
  try {
    for (const file of ["snmp", "snmp6"]) fds.push(openSync(`/proc/${pid}/net/${file}`, "r"));
  } catch {
    close();
    return null;
  }
  const attempts = (): number => {
    const [four, six] = fds;
    return four === undefined || six === undefined ? 0 : noRoutes4(read(four)) + noRoutes6(read(six));
  };
  return {
    attempts,
    seen: () => unroutableViolations(attempts()),
    [Symbol.dispose]: close,
  };
}
