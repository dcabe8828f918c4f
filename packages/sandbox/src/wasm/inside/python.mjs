// Runs a Python program on Pyodide. Everything that Pyodide would read comes in a frame: nothing here may read files.
import { registerHooks } from "node:module";
import process from "node:process";
import { sendOut } from "./out.mjs";
import { readFrame, sayReady, WORKING_DIRECTORY } from "./request.mjs";

const HOME = "/pyodide/";
/** As `isolate.ts` opens it. */
const ARTIFACTS_FD = 3;
const { header: assets, parts: contents } = readFrame();
const asset = new Map(assets.paths.map((path, index) => [HOME + path, contents[index]]));
const assetAt = (path) => asset.get(path.replace(/^file:\/\//, ""));

const hooks = registerHooks({
  resolve: (specifier, context, next) =>
    assetAt(specifier) === undefined ? next(specifier, context) : { url: specifier, shortCircuit: true },
  load: (url, context, next) => {
    const source = assetAt(url);
    if (source === undefined) return next(url, context);
    return { source: new TextDecoder().decode(source), format: "module", shortCircuit: true };
  },
});

// Pyodide takes this for a bare JavaScript shell, which has these functions in place of a file system.
process.browser = true;
globalThis.load = () => undefined;
globalThis.read = (path) => new TextDecoder().decode(assetAt(path));
globalThis.readbuffer = (path) => assetAt(path).slice().buffer;

const { loadPyodide } = await import(`file://${HOME}pyodide.mjs`);
const snapshot = asset.get(`${HOME}snapshot`);
const python = await loadPyodide({
  indexURL: `file://${HOME}`,
  lockFileContents: JSON.parse(new TextDecoder().decode(asset.get(`${HOME}pyodide-lock.json`))),
  env: { HOME: "/box/home", LANG: "C.UTF-8", TMPDIR: "/tmp" },
  checkAPIVersion: false,
  ...(snapshot === undefined ? { _makeSnapshot: assets.makesSnapshot } : { _loadSnapshot: snapshot }),
});
hooks.deregister();
delete process.browser;
delete globalThis.load;
delete globalThis.read;
delete globalThis.readbuffer;
asset.clear();

if (assets.makesSnapshot) {
  // What every run imports is in the image.
  python.runPython("import atexit, json, os, random, sys, types");
  const image = python.makeMemorySnapshot();
  for (let at = 0; at < image.length;) at += Deno.stdout.writeSync(image.subarray(at));
  Deno.exit(0);
}

const write = (stream) => (bytes) => {
  for (let at = 0; at < bytes.length;) at += stream.writeSync(bytes.subarray(at));
  return bytes.length;
};
python.setStdin({ read: (buffer) => Deno.stdin.readSync(buffer) ?? 0, isatty: false });
python.setStdout({ write: write(Deno.stdout), isatty: false });
python.setStderr({ write: write(Deno.stderr), isatty: false });
const run = python.runPython(new TextDecoder().decode(contents[assets.paths.indexOf("main.py")]));

sayReady();
const { header, parts } = readFrame();
for (const [index, path] of header.paths.entries()) {
  const full = `${WORKING_DIRECTORY}/${path}`;
  python.FS.mkdirTree(full.slice(0, full.lastIndexOf("/")));
  python.FS.writeFile(full, parts[index]);
}
if (header.makesOut) python.FS.mkdirTree(`${WORKING_DIRECTORY}/out`);
const { FS } = python;
const directory = FS.lookupPath(WORKING_DIRECTORY).node;

let end;
try {
  const status = run(JSON.stringify(header));
  end = () => Deno.exit(status);
} catch (error) {
  end = () => {
    // `os._exit` ends the interpreter by an error that says with what.
    if (Number.isInteger(error?.status)) Deno.exit(error.status & 255);
    throw error;
  };
}
// The interpreter may have come to grief: its files are in JavaScript's memory, and still there.
try {
  if (header.collects) await sendOut(FS, directory, ARTIFACTS_FD);
} catch {
  // Files in a state that only a program with such a wish can bring about: the reader says that the archive broke off.
}
end();
