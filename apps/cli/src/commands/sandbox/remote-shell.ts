import type { Client, Sandbox } from "@crucible/contract";
import type { Io } from "../../io.ts";
import { write } from "../../io.ts";
import { CliProblem } from "../../problem.ts";
import { exitCodeOf } from "../../run/exit-code.ts";
import { attach } from "./attach.ts";
import { isolationOf, specOf } from "./options.ts";
import { onServer, requestOf } from "./remote.ts";
import { withTime, type ShellOptions } from "./shell.ts";

/** In an open sandbox, or in a new one that goes when the shell ends. */
async function openSandbox(client: Client, options: ShellOptions): Promise<{ sandbox: Sandbox; isOurs: boolean }> {
  if (options.sandbox !== undefined) return { sandbox: await client.getSandbox(options.sandbox), isOurs: false };
  return { sandbox: await client.createSandbox(requestOf(withTime(options))), isOurs: true };
}

/** A program on a terminal of its own in a sandbox of a server. */
export async function remoteShell(io: Io, argv: readonly string[], options: ShellOptions): Promise<number> {
  if (
    options.sandbox !== undefined &&
    (options.limit.length + options.allowHost.length > 0 || isolationOf(options) !== undefined)
  )
    throw new CliProblem("an open sandbox has its limits, network and engine already", "leave these options out");
  return onServer(io, options, async (client) => {
    const { sandbox, isOurs } = await openSandbox(client, options);
    try {
      const what = isOurs ? "it goes when the shell ends" : "it stays when the shell ends";
      await write(io.stderr, `crucible: sandbox ${sandbox.id} on ${sandbox.engine} (${sandbox.isolation}); ${what}\n`);
      const left = new AbortController();
      const end = await attach(io, async (size, onOutput) => {
        const terminal = await client.openTerminal(
          sandbox.id,
          { argv: [...argv], env: isOurs ? {} : (specOf(options).env ?? {}), ...size },
          { signal: left.signal, onOutput },
        );
        return {
          write: terminal.write,
          // The next size corrects one that got lost.
          resize: (to) => void terminal.resize(to).catch(() => undefined),
          kill: () => left.abort(LEFT),
          ended: terminal.ended.catch((error: unknown) => {
            if (error === LEFT) return null;
            throw error;
          }),
        };
      });
      return end === null ? 130 : exitCodeOf({ ...end, compile: null });
    } finally {
      if (isOurs) await client.deleteSandbox(sandbox.id).catch(() => undefined);
    }
  });
}

/** Why a terminal was left from this side. */
const LEFT = new Error("stopped by a signal");
