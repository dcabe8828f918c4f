import { createServer } from "node:net";

/**
 * Runs inside another network namespace for as long as it takes to make a listening socket there and hand it
 * to the parent: a socket stays in the namespace that it was made in.
 */
const server = createServer();
server.once("error", (error) => {
  process.send?.({ error: error.message }, () => process.disconnect());
});
server.listen({ host: "127.0.0.1", port: Number(process.argv[2]) }, () => {
  process.send?.({}, server, undefined, () => {
    server.close();
    process.disconnect();
  });
});
