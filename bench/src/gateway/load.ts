import { connect, type Socket } from "node:net";

/** Where requests go: always loopback. */
export interface Target {
  readonly port: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** The bytes of one chat request. */
export function requestBytes({ port, headers }: Target, body: string): Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const length = Buffer.byteLength(body);
  const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ncontent-type: application/json\r\n`;
  return Buffer.from(`${head}${lines.join("")}content-length: ${length}\r\n\r\n${body}`);
}

/**
 * One kept connection that asks and waits for the whole answer. Written on sockets, because Node's own client costs as
 * much as the servers that are measured: its time would hide theirs.
 */
export interface Connection extends Disposable {
  /** Milliseconds. Rejects for any status but 200. */
  ask(bytes: Buffer): Promise<number>;
}

/** Opens a connection. Rejects when nobody listens. */
export async function openConnection(port: number): Promise<Connection> {
  const socket: Socket = connect({ port, host: "127.0.0.1", noDelay: true });
  await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  let waiting: PromiseWithResolvers<void> | null = null;
  let got = Buffer.alloc(0);
  const fail = (why: string): void => waiting?.reject(new Error(`port ${port}: ${why}`));
  socket.on("data", (chunk) => {
    got = got.length === 0 ? chunk : Buffer.concat([got, chunk]);
    if (!isWhole(got)) return;
    const status = got.toString("latin1", 9, 12);
    const text = status === "200" ? "" : got.toString("utf8", 0, 2000);
    got = Buffer.alloc(0);
    if (status === "200") waiting?.resolve();
    else fail(text);
  });
  socket.once("close", () => fail("the connection was closed"));
  socket.on("error", (error) => fail(error.message));
  return {
    ask: async (bytes) => {
      waiting = Promise.withResolvers();
      const at = performance.now();
      socket.write(bytes);
      await waiting.promise;
      return performance.now() - at;
    },
    [Symbol.dispose]: () => {
      waiting = null;
      socket.destroy();
    },
  };
}

/** Whether these bytes are a whole HTTP answer, with a length or in chunks. */
function isWhole(bytes: Buffer): boolean {
  const end = bytes.indexOf("\r\n\r\n");
  if (end === -1) return false;
  const head = bytes.toString("latin1", 0, end);
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  if (length !== undefined) return bytes.length >= end + 4 + Number(length);
  return bytes.subarray(-5).toString("latin1") === "0\r\n\r\n";
}

/** What a series of requests measured. */
export interface Load {
  readonly latenciesMs: number[];
  readonly perSecond: number;
}

/** Sends all requests over so many connections, each waiting for its answer before the next. */
export async function load(connections: readonly Connection[], requests: readonly Buffer[]): Promise<Load> {
  const latenciesMs: number[] = [];
  let next = 0;
  const startedAt = performance.now();
  await Promise.all(
    connections.map(async (connection) => {
      for (let request = requests[next++]; request !== undefined; request = requests[next++]) {
        latenciesMs.push(await connection.ask(request));
      }
    }),
  );
  return { latenciesMs, perSecond: requests.length / ((performance.now() - startedAt) / 1000) };
}
