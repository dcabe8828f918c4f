import type { Log } from "../log.ts";
import type { SandboxChange, SandboxRecords } from "../store/sandbox-records.ts";

/** How old the database's word on when a sandbox was used may be: no use waits for the database. Milliseconds. */
const SAVE_EVERY_MS = 30_000;

/** What a ledger follows. */
interface Followed {
  readonly id: string;
  change(): SandboxChange;
}

export interface LedgerOptions {
  readonly records: Pick<SandboxRecords, "save">;
  /** The database has its end: nothing more is to be told of it. */
  readonly onEndSaved: (id: string) => void;
  readonly log: Log;
  readonly everyMs?: number;
}

/** Keeps the database in step with the sandboxes of this process. What it does not take is tried again. */
export interface Ledger extends AsyncDisposable {
  /** It has changed: saved with the next ones. */
  note(sandbox: Followed): void;
  /** Saves what was noted, now. Never rejects: what could not be saved stays noted. */
  flush(): Promise<void>;
}

export function createLedger({ records, onEndSaved, log, everyMs = SAVE_EVERY_MS }: LedgerOptions): Ledger {
  const noted = new Map<string, Followed>();
  let last = Promise.resolve();

  const save = async (): Promise<void> => {
    if (noted.size === 0) return;
    const followed = [...noted.values()];
    noted.clear();
    const changes = followed.map((sandbox) => sandbox.change());
    try {
      await records.save(changes);
    } catch (error) {
      log.warn({ err: error, sandboxes: changes.length }, "changes of sandboxes could not be saved yet");
      for (const sandbox of followed) noted.set(sandbox.id, sandbox);
      return;
    }
    for (const { id, status } of changes) if (status !== "open") onEndSaved(id);
  };
  // One after the other: an older word never overtakes a newer one.
  const flush = (): Promise<void> => (last = last.then(save));
  const timer = setInterval(() => void flush(), everyMs).unref();
  return {
    note: (sandbox) => void noted.set(sandbox.id, sandbox),
    flush,
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer);
      await flush();
    },
  };
}
