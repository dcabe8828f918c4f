/** Started with open descriptors by a test: runs one program and prints the program's descriptors. */
import { createBubblewrapEngine } from "../src/bubblewrap/engine.ts";
import { detectLanguages } from "../src/languages/detect.ts";
import { MAX_LIMITS, MIN_LIMITS } from "../src/limits.ts";
import { python, runToEnd, text } from "../src/testing/programs.ts";

const languages = await detectLanguages(["python"]);
await using engine = createBubblewrapEngine({ languages, bounds: { min: MIN_LIMITS, max: MAX_LIMITS }, slots: 1 });
const list = `
import os
for fd in range(3, 1024):
    try: print(fd, os.readlink(f"/proc/self/fd/{fd}"))
    except OSError: pass
`;
process.stdout.write(text((await runToEnd(engine, python(list))).stdout));
