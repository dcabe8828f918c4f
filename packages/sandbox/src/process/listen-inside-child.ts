import { readlinkSync } from "node:fs";
import { createServer } from "node:net";

/**
 * Runs inside another network namespace for as long as it takes to make a listening socket there and hand it
 * to the parent: a socket stays in the namespace that it was made in.
 */
const [, , port, wanted] = process.argv;
const fail = (error: string): void => {
  process.send?.({ error }, () => process.disconnect());
};
const server = createServer();
server.once("error", (error) => fail(error.message));
// The process whose namespace it was may have gone meanwhile, and its number may be another's, even one of the host.
if (readlinkSync("/proc/self/ns/net") !== wanted) fail("the sandbox has gone");
else
  server.listen({ host: "127.0.0.1", port: Number(port) }, () => {
    process.send?.({}, server, undefined, () => {
      server.close();
      process.disconnect();
    });
  });
