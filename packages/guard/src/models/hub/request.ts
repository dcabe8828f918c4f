import { ModelStoreError, printable } from "../errors.ts";
import { type Hub, MIN_BYTES_PER_IDLE } from "./hub.ts";
import { Passing, retryAfterMs, withRetries } from "./retry.ts";

/** A reply with a good status whose body was not read yet. */
export interface HubReply {
  readonly status: 200 | 206 | 416;
  /** Of the server that sends the body. */
  readonly headers: Headers;
  /** Of the hub itself, on the way: what it says that the content is. */
  readonly linkedEtag: string | null;
  readonly repoCommit: string | null;
  /** Its bytes, undecoded. Throws `Passing` when they stop or hardly come. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Lets go of the connection. */
  close(): void;
}

const MOST_REDIRECTS = 5;

const untrusted = (what: string): ModelStoreError =>
  new ModelStoreError("hub_reply_invalid", what, "check HF_ENDPOINT; do not use a model from a hub that does this");

/**
 * Asks the hub, and follows where it sends us. The token goes to the endpoint's origin and nowhere else; from
 * https no redirect leads to http.
 *
 * @throws Passing for what may go away, ModelStoreError for what will not.
 */
export async function askHub(
  hub: Hub,
  url: URL,
  { headers = {}, signal }: { readonly headers?: Readonly<Record<string, string>>; readonly signal: AbortSignal },
): Promise<HubReply> {
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const timer = setTimeout(() => stop.abort(), hub.timing.headersMs);
  try {
    const seen = { linkedEtag: null as string | null, repoCommit: null as string | null };
    let at = url;
    for (let hops = 0; hops <= MOST_REDIRECTS; hops++) {
      const isHub = at.origin === hub.endpoint.origin;
      const reply = await fetch(at, {
        redirect: "manual",
        signal: both,
        headers: {
          "user-agent": "crucible",
          "accept-encoding": "identity",
          ...headers,
          ...(isHub && hub.token !== null ? { authorization: `Bearer ${hub.token}` } : {}),
        },
      });
      if (isHub) {
        seen.linkedEtag ??= reply.headers.get("x-linked-etag");
        seen.repoCommit ??= reply.headers.get("x-repo-commit");
      }
      if (reply.status >= 300 && reply.status < 400) {
        await reply.body?.cancel();
        at = redirectTarget(at, reply.headers.get("location"));
        continue;
      }
      if (reply.status !== 200 && reply.status !== 206 && reply.status !== 416) {
        await reply.body?.cancel();
        throw statusProblem(hub, reply, at);
      }
      const encoding = reply.headers.get("content-encoding");
      if (encoding !== null && encoding !== "identity") {
        stop.abort();
        throw untrusted(`${at.host} sends a body in ${printable(encoding, 20)}, which was not asked for`);
      }
      const body = paced(reply.body, hub.timing.idleMs, stop, signal, at.host);
      return { status: reply.status, headers: reply.headers, ...seen, body, close: () => stop.abort() };
    }
    throw untrusted(`${url.host} sends us in circles: more than ${MOST_REDIRECTS} redirects`);
  } catch (error) {
    throw networkProblem(error, signal, url.host);
  } finally {
    clearTimeout(timer);
  }
}

/** Where a redirect leads. @throws ModelStoreError for what is no web address, and for http after https. */
export function redirectTarget(from: URL, location: string | null): URL {
  let to: URL;
  try {
    to = new URL(location ?? "", from);
  } catch {
    throw untrusted(`${from.host} redirects to no address`);
  }
  if (to.protocol === "https:" || (to.protocol === "http:" && from.protocol === "http:")) return to;
  throw untrusted(`${from.host} redirects to ${printable(to.protocol, 20)}, which is not encrypted`);
}

/** The bytes of a body, given up when hardly any come. */
async function* paced(
  body: ReadableStream<Uint8Array> | null,
  idleMs: number,
  stop: AbortController,
  signal: AbortSignal,
  host: string,
): AsyncGenerator<Uint8Array> {
  if (body === null) return;
  let bytes = 0;
  const timer = setInterval(() => {
    if (bytes < MIN_BYTES_PER_IDLE) stop.abort();
    bytes = 0;
  }, idleMs);
  try {
    for await (const chunk of body) {
      bytes += chunk.length;
      yield chunk;
    }
  } catch (error) {
    throw networkProblem(error, signal, host);
  } finally {
    clearInterval(timer);
    stop.abort();
  }
}

/** What `fetch` throws is a lost connection, a silence that we ended, or a bug; the user's own stop passes through. */
function networkProblem(error: unknown, signal: AbortSignal, host: string): unknown {
  if (signal.aborted) return signal.reason;
  if (error instanceof Passing || error instanceof ModelStoreError) return error;
  const { name, cause } = error as Error;
  const { code } = (cause ?? {}) as { code?: unknown };
  const why = name === "AbortError" ? "it went silent" : typeof code === "string" ? code : "the connection broke";
  const fix = "check the network and HF_ENDPOINT, and run the command again: it goes on where it stopped";
  return new Passing(new ModelStoreError("hub_unreachable", `${host}: ${why}`, fix, error));
}

function statusProblem(hub: Hub, { status, headers }: Response, { host }: URL): Error {
  const reason = headers.get("x-error-code") ?? "";
  const said = printable(headers.get("x-error-message") ?? "", 160);
  const words = said === "" ? "" : `: ${said}`;
  const problem = (code: "hub_refused" | "hub_not_found" | "hub_unreachable" | "hub_reply_invalid", fix: string) =>
    new ModelStoreError(code, `${host} answers ${status}${words}`, fix);
  if (status === 429 || status === 408 || status >= 500) {
    const afterMs = retryAfterMs(headers.get("retry-after"), Date.now());
    const fix = afterMs === null ? "try again later" : `try again in ${Math.ceil(afterMs / 1000)} s`;
    return new Passing(problem("hub_unreachable", `${fix}; what was fetched is kept`), afterMs);
  }
  if (reason === "GatedRepo") {
    return problem("hub_refused", "accept the model's terms on its page at the hub, then set HF_TOKEN to your token");
  }
  if (status === 401 || status === 403) {
    const fix = hub.token === null ? "set HF_TOKEN if the model is private; else check its name" : "check HF_TOKEN";
    return problem(reason === "RepoNotFound" && hub.token !== null ? "hub_not_found" : "hub_refused", fix);
  }
  if (status === 404) {
    const what = reason === "RevisionNotFound" ? "the revision" : "ORG/NAME and the revision";
    return problem("hub_not_found", `check ${what}`);
  }
  return problem("hub_reply_invalid", "check HF_ENDPOINT: this is no hub that Crucible knows");
}

/** The largest description or listing that is read. */
const MAX_JSON_BYTES = 8 * 1024 * 1024;

/** Asks for JSON. Repeats what fails in passing. */
export async function askJson(hub: Hub, url: URL, signal: AbortSignal): Promise<{ value: unknown; headers: Headers }> {
  const { text, headers } = await withRetries(hub, signal, async () => {
    const reply = await askHub(hub, url, { headers: { accept: "application/json" }, signal });
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of reply.body) {
      size += chunk.length;
      if (size > MAX_JSON_BYTES) throw untrusted(`${url.host} sends more than ${MAX_JSON_BYTES} bytes of description`);
      chunks.push(chunk);
    }
    return { text: Buffer.concat(chunks).toString("utf8"), headers: reply.headers };
  });
  try {
    return { value: JSON.parse(text), headers };
  } catch (cause) {
    throw new ModelStoreError(
      "hub_reply_invalid",
      `${url.host} answers without JSON`,
      "check HF_ENDPOINT: this is no hub that Crucible knows",
      cause,
    );
  }
}
