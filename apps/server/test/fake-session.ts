import type { Sandbox } from "@crucible/contract";
import { MAX_LIMITS, type Engine, type Session, type Terminal } from "@crucible/sandbox";
import type { HostedSession } from "../src/executor/types.ts";
import type { TimedId } from "../src/store/ids.ts";
import type { SandboxRecords } from "../src/store/sandbox-records.ts";
import { createFakeEngine } from "./fake-executor.ts";

/** A terminal that a test plays the inside of. */
export interface FakeTerminal {
  readonly argv: readonly string[];
  readonly written: string[];
  readonly sizes: { readonly rows: number; readonly columns: number }[];
  /** Bytes of output that somebody dealt with. */
  taken: number;
  /** Set by a test: what `write` waits for. */
  stuck: Promise<void> | null;
  print(text: string): void;
  exit(exitCode: number): void;
  readonly killed: Promise<void>;
}

/** A session that runs nothing: programs end at once, terminals when a test says so. */
export interface FakeSession extends HostedSession {
  readonly terminals: FakeTerminal[];
  execs: number;
  /** It ends as if by itself, or with its process. */
  die(reason: string, isLost: boolean): void;
}

export function createFakeSession(): FakeSession {
  const { promise: ended, resolve } = Promise.withResolvers<string>();
  let isLost = false;
  const terminals: FakeTerminal[] = [];
  const nothing = async (): Promise<never> => {
    throw new Error("not in this fake");
  };
  const session: FakeSession = {
    engine: "fake",
    isolation: "namespace",
    limits: MAX_LIMITS,
    terminals,
    execs: 0,
    exec: async () => {
      session.execs += 1;
      const none = new Uint8Array();
      return {
        status: "exited",
        exitCode: 0,
        signal: null,
        stdout: none,
        stderr: none,
        stdoutTruncated: false,
        stderrTruncated: false,
        wallMs: 1,
        violations: [],
        behaviourScore: 0,
      } satisfies Awaited<ReturnType<Session["exec"]>>;
    },
    openTerminal: async ({ argv }, size, onOutput) => {
      const end = Promise.withResolvers<Awaited<Terminal["ended"]>>();
      const killed = Promise.withResolvers<void>();
      const fake: FakeTerminal = {
        argv,
        written: [],
        sizes: [size],
        taken: 0,
        stuck: null,
        print: (text) => onOutput(Buffer.from(text)),
        exit: (exitCode) => end.resolve({ status: "exited", exitCode, signal: null }),
        killed: killed.promise,
      };
      terminals.push(fake);
      return {
        write: async (bytes) => {
          fake.written.push(Buffer.from(bytes).toString());
          await fake.stuck;
        },
        resize: (to) => void fake.sizes.push(to),
        taken: (bytes) => void (fake.taken += bytes),
        kill: () => {
          killed.resolve();
          end.resolve({ status: "cancelled", exitCode: null, signal: "SIGKILL" });
        },
        ended: end.promise,
      };
    },
    writeFile: nothing,
    readFile: nothing,
    list: nothing,
    pack: nothing,
    unpack: nothing,
    ended,
    isLost: () => isLost,
    die: (reason, withProcess) => {
      isLost = withProcess;
      resolve(reason);
    },
    close: async () => resolve("it was closed"),
    [Symbol.asyncDispose]: async () => resolve("it was closed"),
  };
  return session;
}

/** A fake engine that also has sandboxes that stay. */
export function createFakeSessionEngine(): Engine {
  const engine = createFakeEngine();
  return {
    ...engine,
    probe: async () => ({ ...(await engine.probe()), sessions: true }),
    openSession: async () => ({ ...createFakeSession(), running: 0 }),
  };
}

/** Records that are forgotten with the test. */
export function memoryRecords(): SandboxRecords {
  const rows = new Map<string, Sandbox>();
  return {
    insert: async (sandbox) => void rows.set(sandbox.id, sandbox),
    save: async (changes) => {
      for (const { id, lastUsedAt, endedAt, ...change } of changes) {
        const times = { lastUsedAt: lastUsedAt.toISOString(), endedAt: endedAt?.toISOString() ?? null };
        rows.set(id, { ...rows.get(id)!, ...change, ...times });
      }
    },
    get: async (id) => rows.get(id) ?? null,
    list: async () => ({ sandboxes: [...rows.values()], nextCursor: null }),
  };
}

/** A sandbox as its process tells the database of it. */
export function sandboxOf({ id, createdAt }: TimedId, change: Partial<Sandbox> = {}): Sandbox {
  return {
    id,
    status: "open",
    language: "text",
    image: null,
    engine: "fake",
    isolation: "namespace",
    limits: MAX_LIMITS,
    labels: {},
    idleTimeoutMs: 1_000,
    createdAt: createdAt.toISOString(),
    lastUsedAt: createdAt.toISOString(),
    endsAt: createdAt.toISOString(),
    endedAt: null,
    endedBy: null,
    reason: null,
    running: 0,
    ...change,
  };
}
