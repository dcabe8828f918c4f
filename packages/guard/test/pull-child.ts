import { openHub, pullModel } from "../src/index.ts";

/** A pull in a process of its own: endpoint, data directory, name, and the event at which it dies. */
const [, , endpoint = "", dataDir = "", name = "", killAt = ""] = process.argv;
await pullModel({
  name,
  dataDir,
  hub: openHub({ endpoint }),
  signal: new AbortController().signal,
  onEvent: ({ type }) => {
    if (type === killAt) process.kill(process.pid, "SIGKILL");
  },
});
