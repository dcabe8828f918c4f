// Gives back what the program left in its directory `out`: writes it as a tar archive (POSIX.1-2024, ustar with GNU's
// long names) to a descriptor of its own. The program may have changed all that is used here; it can only spoil its
// own files by that. The reader outside takes the archive for an enemy's.
import { Socket } from "node:net";

const BLOCK = 512;
/** Members that the reader looks at, and one for it to say that there are more. */
const MEMBERS = 4_097;
const CHUNK_BYTES = 256 * 1024;
const encoder = new TextEncoder();

const header = (name, type, size, link = new Uint8Array()) => {
  const block = new Uint8Array(BLOCK);
  const put = (at, bytes) => block.set(bytes, at);
  const octal = (at, digits, value) => put(at, encoder.encode(value.toString(8).padStart(digits, "0")));
  put(0, name.subarray(0, 100));
  octal(100, 7, 0o644);
  octal(108, 7, 0);
  octal(116, 7, 0);
  octal(124, 11, size);
  octal(136, 11, 0);
  put(156, encoder.encode(type));
  put(157, link.subarray(0, 100));
  put(257, encoder.encode("ustar\x0000"));
  // The sum counts its own field as blanks.
  put(148, encoder.encode("        "));
  octal(
    148,
    6,
    block.reduce((sum, byte) => sum + byte, 0),
  );
  block[154] = 0;
  return block;
};

const padded = (bytes) => {
  const rest = bytes.length % BLOCK;
  return rest === 0 ? [bytes] : [bytes, new Uint8Array(BLOCK - rest)];
};

const long = (type, bytes) =>
  bytes.length <= 100 ? [] : [header(encoder.encode("././@LongLink"), type, bytes.length), ...padded(bytes)];

const member = (path, type, content = new Uint8Array(), link = "") => {
  const name = encoder.encode(path);
  const target = encoder.encode(link);
  return [...long("L", name), ...long("K", target), header(name, type, content.length, target), ...padded(content)];
};

/** By the nodes themselves, past all modes: the program may have made them unreadable. */
const members = (FS, node, path, into) => {
  if (into.length > MEMBERS * 4) return;
  if (FS.isDir(node.mode)) {
    for (const name of Object.keys(node.contents).toSorted()) {
      members(FS, node.contents[name], `${path}/${name}`, into);
    }
  } else if (FS.isLink(node.mode)) into.push(...member(path, "2", undefined, node.link));
  else if (FS.isFile(node.mode)) into.push(...member(path, "0", contentOf(node)));
  else into.push(...member(path, "6"));
};

const contentOf = ({ contents, usedBytes }) =>
  contents instanceof Uint8Array ? contents.subarray(0, usedBytes) : Uint8Array.from(contents ?? []);

/** @param directory the node of the working directory, looked up before the program began. */
export const sendOut = async (FS, directory, descriptor) => {
  const blocks = [];
  const out = directory.contents.out;
  if (out !== undefined) members(FS, out, "out", blocks);
  blocks.push(new Uint8Array(2 * BLOCK));
  // Until the reader has enough, which is no matter of the program's end.
  const { promise: closed, resolve } = Promise.withResolvers();
  const socket = new Socket({ fd: descriptor, readable: false, writable: true });
  socket.on("error", resolve);
  socket.on("close", resolve);
  const write = (bytes) => new Promise((done) => socket.write(bytes, done));
  const sending = (async () => {
    for (const block of blocks) {
      for (let at = 0; at < block.length; at += CHUNK_BYTES) {
        if ((await write(block.subarray(at, at + CHUNK_BYTES))) != null) return;
      }
    }
    await new Promise((done) => socket.end(done));
  })();
  await Promise.race([sending, closed]);
};
