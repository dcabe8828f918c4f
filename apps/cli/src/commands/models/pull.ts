import { type HubRevision, ModelStoreError, openHub, pullModel, type PullEvent } from "@crucible/guard";
import { dataDirectory } from "../../backend/keys.ts";
import { interruptible, type Io, write } from "../../io.ts";
import { CliProblem } from "../../problem.ts";
import { formatBytes } from "../../units.ts";
import { installedText } from "./text.ts";
import { createByteProgress } from "./progress.ts";

/** Exit code after Ctrl-C, as of `crucible batch`. */
const INTERRUPTED = 130;

/** The options of `crucible models pull`, parsed. */
export interface PullOptions {
  readonly revision: string;
  readonly include: readonly string[];
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Fetches a model and installs it. What it is licensed under is told before a byte of it comes. */
export async function pullCommand(
  io: Io,
  name: string,
  { revision, include, json, quiet }: PullOptions,
): Promise<number> {
  const endpoint = io.env["HF_ENDPOINT"] || undefined;
  const hub = openHub({ token: io.env["HF_TOKEN"] || null, ...(endpoint === undefined ? {} : { endpoint }) });
  const dataDir = dataDirectory(io);
  const progress = createByteProgress({ stream: io.stderr, quiet: quiet === true, now: () => performance.now() });
  const tell = (line: string): void => {
    if (quiet !== true) progress.note(line);
  };
  const onEvent = (event: PullEvent): void => {
    switch (event.type) {
      case "found":
        for (const line of foundLines(name, event.revision, event.movedTo)) tell(line);
        break;
      case "chosen":
        tell(`${event.files} files, ${formatBytes(event.bytes)}`);
        progress.start(event.bytes);
        break;
      case "bytes":
        progress.file(event.path, event.received);
        break;
      case "staged":
        progress.end();
        break;
      default:
    }
  };
  using interrupt = interruptible(io);
  try {
    const { folder, manifest, fetched } = await pullModel({
      name,
      revision,
      include,
      dataDir,
      hub,
      signal: interrupt.signal,
      onEvent,
    });
    const text =
      json === true
        ? `${JSON.stringify({ folder, fetched, ...manifest })}\n`
        : installedText(folder, manifest, fetched);
    await write(io.stdout, text);
    return 0;
  } catch (error) {
    if (!(error instanceof ModelStoreError && error.code === "cancelled")) throw error;
    throw new CliProblem(error.message, error.fix, { exitCode: INTERRUPTED, cause: error });
  } finally {
    progress.end();
  }
}

function foundLines(name: string, { commit, licence, gated }: HubRevision, movedTo: string | null): string[] {
  const lines = [`${name} at ${commit}`, `licence: ${licence ?? "not named by its publisher; read its README.md"}`];
  if (movedTo !== null) lines.push(`the hub has moved it to ${movedTo}: make sure that you know who publishes it now`);
  if (gated !== "no") lines.push("gated: it is given only to who has accepted its terms at the hub; they bind you too");
  return lines;
}
