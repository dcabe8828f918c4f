import { Duplex } from "node:stream";
import type { RouteWatch } from "../behaviour/unroutable.ts";
import type { RunGroup } from "../cgroup/types.ts";
import { LEFT } from "../launcher/status.ts";
import type { Pipe } from "../process/fifo.ts";
import type { RunningSandbox } from "../run/supervise.ts";
import type { Violation } from "../types.ts";
import type { Lines } from "./lines.ts";
import { encodeRequest } from "./request.ts";
import type { TemplateRequest } from "./request.ts";

/** A run in a forked process, which waits for `go` in its control group. */
export interface ForkedRun {
  readonly sandbox: RunningSandbox;
  readonly group: RunGroup;
  /** Process 1 of its namespaces, seen from the host. */
  readonly innerPid: number;
  /** What it asked its network for; works when it has ended, once. */
  deniedRoutes(): Violation[];
  /** Process 1 has ended too, or the template: the control group can be removed. Comes after `sandbox.ended`. */
  readonly settled: Promise<void>;
  close(): void;
}

interface ForkedOptions {
  readonly socket: Duplex;
  readonly lines: Lines;
  readonly group: RunGroup;
  readonly innerPid: number;
  readonly routes: RouteWatch | null;
  readonly request: TemplateRequest;
  readonly outputs: readonly [stdout: Pipe, stderr: Pipe];
  /** The template has ended, and with it all that it had forked. */
  readonly ended: Promise<void>;
  isRetired(): boolean;
  /** The template must not serve another run. */
  retire(): void;
  /** Ends the template. */
  end(): Promise<void>;
}

/** Process 1 of the run's namespaces. */
export const OWN_PROCESSES = 1;
/** Its word for a program that made no socket. */
const UNCONNECTED = "unconnected";
/** From its report of a program that left nothing to its own end; an idle machine needs half a millisecond. */
const SETTLE_DEADLINE_MS = 10_000;

/** The prepared process as the sandbox that `supervise` drives. */
export function startForked(options: ForkedOptions): ForkedRun {
  const { socket, lines, group, innerPid, routes, request, outputs } = options;
  const { promise: ended, resolve: endRun } = Promise.withResolvers<void>();
  const { promise: settled, resolve: settle } = Promise.withResolvers<void>();
  let isClean = false;
  let hasLeft = false;
  let mayHaveSockets = true;
  // Not `control.destroyed`: whoever reads it may close it early, and the run must stay killable.
  let isOver = false;
  const control = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => {
      const word = chunk.toString();
      if (word === "go\n") socket.write(encodeRequest(request));
      else if (word === "check\n") socket.write(`check ${request.fileSizeBytes}\n`);
      else socket.write(chunk);
      done();
    },
  });
  const finish = (): void => {
    if (isOver) return;
    isOver = true;
    // The program's ends are gone; with ours its output ends.
    for (const output of outputs) output.closeChildEnd();
    if (!control.destroyed) control.push(null);
    control.destroy();
    // Bytes of this run may be left on the socket, or processes below the template: it ends before the run does,
    // so that nothing can read or write in the name of the next.
    if (isClean && !options.isRetired()) endRun();
    else void options.end().then(endRun);
  };
  const end = (): void => {
    clearTimeout(late);
    lines.onLine(null);
    finish();
    settle();
  };
  let late: NodeJS.Timeout | undefined;
  lines.onLine((line) => {
    if (line === "idle") return end();
    if (line === "broken") {
      // Nothing of the program has run, or its end cannot be told: what comes after this is no report.
      isClean = false;
      options.retire();
      return finish();
    }
    if (line === UNCONNECTED) {
      mayHaveSockets = false;
      return;
    }
    if (line === LEFT) hasLeft = true;
    if (line.startsWith("ran ")) isClean = true;
    if (!control.destroyed) control.push(`${line}\n`);
    if (line !== "ran 0" || hasLeft || isOver) return;
    // Nobody is left but process 1, and that has nothing more to say.
    finish();
    late = setTimeout(() => void options.end(), SETTLE_DEADLINE_MS);
  });
  void options.ended.then(end);
  return {
    group,
    innerPid,
    deniedRoutes: () => (mayHaveSockets ? (routes?.seen() ?? []) : []),
    settled,
    sandbox: {
      control,
      stdout: outputs[0].ours,
      stderr: outputs[1].ours,
      compileOutput: null,
      group,
      ownProcesses: OWN_PROCESSES,
      kill: () => {
        if (isOver) return;
        // Bytes of the request may be left on the socket: the next run must not read them.
        options.retire();
        group.kill();
        void options.end();
      },
      ended,
    },
    close: () => {
      for (const output of outputs) output.ours.destroy();
      routes?.[Symbol.dispose]();
    },
  };
}
