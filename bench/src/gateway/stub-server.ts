import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** The upstream of all contenders: the same answer to every request, as fast as Node gives one. Prints its port. */
const ANSWER = Buffer.from(
  JSON.stringify({
    id: "chatcmpl-00000000000000000000",
    object: "chat.completion",
    created: 1_700_000_000,
    model: "stub",
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: "A short answer, such as a model gives. ".repeat(8), refusal: null },
        logprobs: null,
        finish_reason: "stop",
      },
    ],
    usage: { prompt_tokens: 60, completion_tokens: 80, total_tokens: 140 },
  }),
);
const HEADERS = { "content-type": "application/json", "content-length": ANSWER.length };

const server = createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
  request.resume();
  request.once("end", () => response.writeHead(200, HEADERS).end(ANSWER));
});
server.listen(0, "127.0.0.1", () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`));
