import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { createSnapshotStore, SNAPSHOT_BYTES } from "./snapshot-store.ts";
import type { SnapshotStore } from "./snapshot-store.ts";

const CONTENT = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 31) % 251));
let place: string;
let dir: string;
let made: string;
let copy: string;
let store: SnapshotStore;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), "crucible-snapshot-"));
  onTestFinished(() => rmSync(place, { recursive: true, force: true }));
  dir = join(place, "cache", "wasm");
  made = join(place, "made");
  copy = join(place, "copy");
  writeFileSync(made, CONTENT);
  store = createSnapshotStore(dir);
});
const kept = (): string => join(dir, readdirSync(dir).find((name) => name.endsWith(".snapshot")) ?? "none");

test("gives back what was kept, from a file that only its owner can read", async () => {
  expect(await store.load("v1", copy)).toBe(false);
  expect(await store.save("v1", made)).toBe(true);
  expect(await store.load("v1", copy)).toBe(true);
  expect(readFileSync(copy).equals(CONTENT)).toBe(true);
  expect([kept(), dir].map((path) => (statSync(path).mode & 0o777).toString(8))).toEqual(["600", "700"]);
  expect(statSync(copy).mode & 0o777).toBe(0o600);
  expect(readdirSync(dir)).toHaveLength(1);
});

test("has nothing for other versions, not even under their name", async () => {
  await store.save("v1", made);
  const first = kept();
  expect(await store.load("v2", copy)).toBe(false);
  await store.save("v2", made);
  const second =
    readdirSync(dir)
      .map((name) => join(dir, name))
      .find((path) => path !== first) ?? "";
  writeFileSync(second, readFileSync(first));
  expect(await store.load("v2", copy)).toBe(false);
});

test.each<[string, (file: string) => void]>([
  ["cut short", (file) => truncateSync(file, statSync(file).size - 1)],
  ["emptied", (file) => truncateSync(file, 0)],
  ["grown", (file) => writeFileSync(file, "x", { flag: "a" })],
  ["larger than any", (file) => truncateSync(file, SNAPSHOT_BYTES + 4096)],
  [
    "changed in one bit",
    (file) => {
      const bytes = readFileSync(file);
      bytes[200_000] = (bytes[200_000] ?? 0) ^ 1;
      writeFileSync(file, bytes);
    },
  ],
  [
    "given another digest",
    (file) => {
      const bytes = readFileSync(file);
      bytes.fill(0, 25, 57);
      writeFileSync(file, bytes);
    },
  ],
  ["made writable for others", (file) => chmodSync(file, 0o622)],
  ["put where others may write", (file) => chmodSync(join(file, ".."), 0o777)],
  [
    "replaced by a link",
    (file) => {
      writeFileSync(`${file}.real`, readFileSync(file), { mode: 0o600 });
      rmSync(file);
      symlinkSync(`${file}.real`, file);
    },
  ],
  [
    "replaced by a link to a directory",
    (file) => {
      rmSync(file);
      symlinkSync("/", file);
    },
  ],
])("takes no snapshot that was %s, leaves nothing of it, and keeps a new one", async (_how, spoil) => {
  await store.save("v1", made);
  spoil(kept());
  expect(await store.load("v1", copy)).toBe(false);
  expect(existsSync(copy)).toBe(false);
  chmodSync(dir, 0o700);
  expect(await store.save("v1", made)).toBe(true);
  expect(await store.load("v1", copy)).toBe(true);
});

test("takes none that is another user's", async (context) => {
  if (process.getuid?.() !== 0) return context.skip("needs root, to give a file away");
  await store.save("v1", made);
  const { chownSync } = await import("node:fs");
  chownSync(kept(), 12_345, 12_345);
  expect(await store.load("v1", copy)).toBe(false);
});

test("keeps two versions at most, and removes what a writer that died has left", async () => {
  await store.save("v1", made);
  utimesSync(kept(), 1, 1);
  const left = join(dir, ".python-0123456789abcdef.writing");
  const foreign = join(dir, "notes.txt");
  for (const path of [left, foreign]) {
    writeFileSync(path, "half");
    utimesSync(path, 1, 1);
  }
  await store.save("v2", made);
  await store.save("v3", made);
  expect(readdirSync(dir)).toHaveLength(3);
  expect([existsSync(left), existsSync(foreign)]).toEqual([false, true]);
  expect(await store.load("v1", copy)).toBe(false);
  expect(await store.load("v2", copy)).toBe(true);
});

test("does without where nothing can be kept", async () => {
  const nowhere = createSnapshotStore("/dev/null/wasm");
  expect(await nowhere.save("v1", made)).toBe(false);
  expect(await nowhere.load("v1", copy)).toBe(false);
});
