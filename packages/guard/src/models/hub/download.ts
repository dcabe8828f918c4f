import { constants } from "node:fs";
import { type FileHandle, open, readFile, rm, stat } from "node:fs/promises";
import { ModelStoreError, printable } from "../errors.ts";
import { replaceFile } from "../durable.ts";
import { type ModelName, nameText } from "../names.ts";
import type { HubFile } from "./describe.ts";
import type { Hub } from "./hub.ts";
import { askHub, type HubReply } from "./request.ts";
import { Passing, withRetries } from "./retry.ts";

/** One file to fetch. */
export interface Download {
  readonly repository: ModelName;
  readonly commit: string;
  readonly file: HubFile;
  /** Where its bytes go; what lies there from before is gone on with. Beside it, `.etag` names that content. */
  readonly partPath: string;
  readonly signal: AbortSignal;
  /** How much of the file is there; falls when it has to start anew. */
  readonly onBytes: (received: number) => void;
}

const invalid = (what: string): ModelStoreError =>
  new ModelStoreError("hub_reply_invalid", what, "do not use a model from a hub that does this");

/** Strong entity tags only: a weak one says nothing about bytes (RFC 9110, 13.1.5). */
const STRONG_ETAG = /^"[\x21\x23-\x7e]{1,256}"$/;

/**
 * Fetches a file to its full size, in as many pieces as the network makes of it. Whether the bytes are the right ones
 * is for the caller to check, who reads them from the disk; `resumed` says that not all of them came in one piece.
 */
export async function download(hub: Hub, job: Download): Promise<{ readonly resumed: boolean }> {
  const { repository, commit, file, partPath, signal } = job;
  const path = file.path.split("/").map(encodeURIComponent).join("/");
  const url = new URL(`${nameText(repository)}/resolve/${commit}/${path}`, hub.endpoint);
  // What comes a second time is no progress: a hub that always starts anew is given up.
  let furthest = 0;
  let resumed = false;
  await withRetries(hub, signal, async (progressed) => {
    const reached = (at: number): void => {
      if (at > furthest) progressed();
      furthest = Math.max(furthest, at);
      job.onBytes(at);
    };
    const { size, etag } = await whatIsThere(partPath, file.sizeBytes);
    let have = size;
    job.onBytes(have);
    furthest = Math.max(furthest, have);
    resumed = have > 0;
    if (resumed && have === file.sizeBytes) return;
    const headers = have === 0 || etag === null ? {} : { range: `bytes=${have}-`, "if-range": etag };
    const reply = await askHub(hub, url, { headers, signal });
    try {
      checkClaims(reply, job);
      if (reply.status === 416) {
        await rm(partPath, { force: true });
        throw new Passing(invalid(`${url.host} does not have the rest of ${file.path}`));
      }
      if (reply.status === 200) have = 0;
      resumed = have > 0;
      checkSize(reply, have, file);
      await remember(partPath, reply.headers.get("etag"));
      await using part = await open(partPath, constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
      await part.truncate(have);
      await receive(reply, part, have, file, reached);
    } finally {
      reply.close();
    }
  });
  return { resumed };
}

async function whatIsThere(partPath: string, sizeBytes: number): Promise<{ size: number; etag: string | null }> {
  const size = (await stat(partPath).catch(() => null))?.size ?? 0;
  const text = await readFile(`${partPath}.etag`, "utf8").catch(() => "");
  const etag = STRONG_ETAG.test(text) ? text : null;
  // Without its tag nobody can say whether the rest belongs to it; and too much of it is of something else.
  if (size > sizeBytes || (etag === null && size < sizeBytes)) return { size: 0, etag: null };
  return { size, etag };
}

async function remember(partPath: string, etag: string | null): Promise<void> {
  if (etag !== null && STRONG_ETAG.test(etag)) await replaceFile(`${partPath}.etag`, etag);
  else await rm(`${partPath}.etag`, { force: true });
}

/** What the hub says on the way must be what its listing said. */
function checkClaims({ linkedEtag, repoCommit }: HubReply, { commit, file }: Download): void {
  if (repoCommit !== null && repoCommit !== commit) throw invalid(`the hub sends ${file.path} of another commit`);
  const claimed = linkedEtag?.replace(/^W\//, "").replaceAll('"', "");
  if (claimed !== undefined && claimed.length === file.hash.hex.length && claimed !== file.hash.hex) {
    throw invalid(`the hub lists ${file.path} as ${file.hash.hex} and sends it as ${printable(claimed, 64)}`);
  }
}

function checkSize({ status, headers }: HubReply, have: number, { path, sizeBytes }: HubFile): void {
  if (status === 206) {
    const [, from, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers.get("content-range") ?? "") ?? [];
    if (Number(from) !== have || Number(total) !== sizeBytes) throw invalid(`the hub sends another part of ${path}`);
  }
  const length = headers.get("content-length");
  if (length !== null && Number(length) > sizeBytes - have) {
    throw invalid(`the hub announced ${path} with ${sizeBytes} bytes and sends ${printable(length, 20)}`);
  }
}

async function receive(
  reply: HubReply,
  part: FileHandle,
  from: number,
  file: HubFile,
  reached: (at: number) => void,
): Promise<void> {
  let at = from;
  try {
    for await (const chunk of reply.body) {
      if (at + chunk.length > file.sizeBytes) throw invalid(`the hub sends more of ${file.path} than it announced`);
      let written = 0;
      while (written < chunk.length) {
        const { bytesWritten } = await part.write(chunk, written, chunk.length - written, at + written);
        written += bytesWritten;
      }
      at += chunk.length;
      reached(at);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOSPC") {
      throw new ModelStoreError("disk_full", "the disk is full", "free some space and run the command again", error);
    }
    throw error;
  }
  if (at === file.sizeBytes) return;
  const fix = "run the command again: it goes on where it stopped";
  throw new Passing(
    new ModelStoreError("hub_unreachable", `the hub sent ${at} of ${file.sizeBytes} bytes of ${file.path}`, fix),
  );
}
