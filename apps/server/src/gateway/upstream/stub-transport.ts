import { Readable } from "node:stream";
import type { StubModel } from "../stub/stub-model.ts";
import type { Transport } from "./types.ts";

/** Calls the stub in this process. */
export function createStubTransport(stub: StubModel): Transport {
  return {
    send: async ({ path, body, signal }) => {
      const { status, headers, body: pieces } = await stub.answer(path, body, signal);
      return { status, headers, body: Readable.from(bytesOf(pieces), { objectMode: false }) };
    },
    close: () => {},
  };
}

async function* bytesOf(pieces: AsyncIterable<string>): AsyncGenerator<Buffer> {
  for await (const piece of pieces) yield Buffer.from(piece);
}
