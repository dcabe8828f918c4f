import { chmodSync, chownSync, closeSync, constants, mkdirSync, openSync, utimesSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";
import { runTool } from "./spawn.ts";

const { O_RDONLY, O_WRONLY, O_NONBLOCK } = constants;

/** Our end as a stream, the child's end as a descriptor that `closeChildEnd` gives up after the spawn. */
export interface Pipe {
  readonly ours: Socket;
  readonly childFd: number;
  closeChildEnd(): void;
}

/**
 * Named pipes of one slot, each used for one run at a time.
 *
 * Node's own pipes to a child are socket pairs, and a socket cannot be opened through /dev/stdin,
 * /dev/stdout or /dev/stderr (ENXIO), which programs do (`open("/dev/stdin")`, `echo x > /dev/stderr`).
 * A FIFO can. The kernel drops what is left in it when its last end closes, so nothing crosses runs.
 * Standard input is a file inside instead: opening a FIFO whose writer has finished would wait for ever.
 */
export interface SlotPipes {
  stdout(): Pipe;
  stderr(): Pipe;
}

function openPipe(path: string, mode: number): Pipe {
  // The program before owned the inode: it may have left a message in its times or mode, or closed it to us.
  chmodSync(path, mode);
  utimesSync(path, 0, 0);
  const ourFd = openSync(path, O_RDONLY | O_NONBLOCK);
  // The child's end must block like any ordinary pipe; with our end open this returns at once.
  const childFd = openSync(path, O_WRONLY);
  const ours = new Socket({ fd: ourFd, readable: true, writable: false });
  ours.on("error", () => undefined);
  return { ours, childFd, closeChildEnd: () => closeSync(childFd) };
}

/** Where a slot's two FIFOs are; a template has this directory, and nothing else of ours, in its sandbox. */
export const slotDir = (dir: string, slot: number): string => join(dir, String(slot));

/**
 * Makes the FIFOs of all slots with one `mkfifo`.
 * @param owner host uid by slot, so that the program may reopen its own ends; undefined leaves ours.
 * @param mode who else may reopen them; for more than the owner `dir` must be closed to others.
 * @throws Error when `mkfifo` fails.
 */
export async function createSlotPipes(
  dir: string,
  slots: number,
  owner: (slot: number) => number | undefined,
  mode = 0o600,
): Promise<SlotPipes[]> {
  const names = ["stdout", "stderr"] as const;
  const path = (slot: number, name: (typeof names)[number]): string => join(slotDir(dir, slot), name);
  const all = Array.from({ length: slots }, (_, slot) => names.map((name) => path(slot, name))).flat();
  for (let slot = 0; slot < slots; slot += 1) mkdirSync(slotDir(dir, slot), { mode: 0o711 });
  const made = await runTool("mkfifo", ["-m", "600", ...all], 10_000);
  if (!made.ok) throw new Error(`mkfifo failed in ${dir}: ${made.stderr}`);
  return Array.from({ length: slots }, (_, slot) => {
    const uid = owner(slot);
    for (const name of names) {
      if (uid !== undefined) chownSync(path(slot, name), uid, uid);
      chmodSync(path(slot, name), mode);
    }
    return {
      stdout: () => openPipe(path(slot, "stdout"), mode),
      stderr: () => openPipe(path(slot, "stderr"), mode),
    };
  });
}
