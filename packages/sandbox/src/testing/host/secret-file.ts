/** Files of the host that no program may read or change. */
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A file of the host with a secret in it. */
export interface SecretFile extends AsyncDisposable {
  /** The new directory that holds it, open to every user. */
  readonly directory: string;
  readonly path: string;
  /** Content, mode, owner, and the directory's entries in one string, to compare. */
  fingerprint(): Promise<string>;
}

/** Makes `DIRECTORY/crucible-contract-XXXXXX/secret.txt`, readable by every user of the host. */
export async function createSecretFile(secret: string, parent: string = tmpdir()): Promise<SecretFile> {
  const directory = await mkdtemp(join(parent, "crucible-contract-"));
  const path = join(directory, "secret.txt");
  // Open modes on purpose: the sandbox has to hide the file, not the file's own mode.
  await chmod(directory, 0o777);
  await writeFile(path, secret, { mode: 0o666 });
  await chmod(path, 0o666);
  return {
    directory,
    path,
    async fingerprint() {
      const { mode, uid, gid, ino } = await stat(path);
      const entries = (await readdir(directory)).join(", ");
      return `${await readFile(path, "utf8")} ${mode.toString(8)} ${uid}:${gid} ${ino}; ${entries}`;
    },
    async [Symbol.asyncDispose]() {
      await rm(directory, { recursive: true, force: true });
    },
  };
}
