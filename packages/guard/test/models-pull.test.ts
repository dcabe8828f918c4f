import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { listModels, modelsFolder, openHub, resolveModel } from "../src/index.ts";
import { aModel, COMMIT_A, COMMIT_B, sendBytes, sha256, someFiles } from "./fake-hub.ts";
import { failure, NAME, openPlace, type Place } from "./models-fixture.ts";

let place: Place;
beforeEach(async () => {
  place = await openPlace();
  place.fake.models.set(NAME, aModel());
});
afterEach(async () => await place[Symbol.asyncDispose]());

const weightsOf = (where: Place): Buffer => where.fake.models.get(NAME)!.commits[COMMIT_A]!["onnx/model.onnx"]!;
const nothingInstalled = async (): Promise<void> => expect(await listModels(modelsFolder(place.dataDir))).toEqual([]);

describe("pulling a model", () => {
  it("installs the files that a loader needs, at the commit of the branch, with a manifest of digests", async () => {
    const { folder, manifest, fetched } = await place.pull();
    expect(fetched).toBe(true);
    expect(folder).toBe(join(place.dataDir, "models", NAME, COMMIT_A));
    const source = { kind: "hub", endpoint: place.fake.endpoint, repository: NAME };
    expect(manifest).toMatchObject({
      name: NAME,
      revision: COMMIT_A,
      requested: "main",
      licence: "apache-2.0",
      source,
    });
    const paths = ["README.md", "config.json", "onnx/model.onnx", "tokenizer.json", "tokenizer_config.json"];
    expect(manifest.files.map(({ path }) => path)).toEqual(paths);
    const weights = await readFile(join(folder, "onnx/model.onnx"));
    expect(weights.equals(weightsOf(place))).toBe(true);
    expect(manifest.files[2]).toEqual({ path: "onnx/model.onnx", sizeBytes: weights.length, sha256: sha256(weights) });
    expect(JSON.parse(await readFile(join(folder, "crucible-model.json"), "utf8"))).toEqual(manifest);
    expect(await resolveModel(NAME, place.dataDir)).toEqual({ folder, manifest });
    expect(await readdir(join(place.dataDir, "models", ".staging"))).toEqual([]);
    expect((await stat(folder)).mode & 0o077).toBe(0);
  });

  it("tells what it found before it fetches, and how far it is", async () => {
    await place.pull();
    expect(place.events[0]).toMatchObject({ type: "found", revision: { licence: "apache-2.0", gated: "no" } });
    expect(place.events[1]).toMatchObject({ type: "chosen", files: 5 });
    expect(place.events.some((event) => event.type === "bytes" && event.received === 300_000)).toBe(true);
    expect(place.events.slice(-3).map(({ type }) => type)).toEqual(["staged", "installed", "current"]);
  });

  it("takes the weights that a pattern names instead of the default ones, and says which there are", async () => {
    const { manifest } = await place.pull({ include: ["onnx/model_quantized.onnx"] });
    const onnx = manifest.files.flatMap(({ path }) => (path.endsWith(".onnx") ? [path] : []));
    expect(onnx).toEqual(["onnx/model_quantized.onnx"]);
    const error = await failure(place.pull({ name: "acme/none", revision: "main" }));
    expect(error.code).toBe("hub_refused");
    place.fake.models.set("acme/other", aModel({ ...someFiles(10), "onnx/model.onnx": Buffer.alloc(0) }));
    delete place.fake.models.get("acme/other")!.commits[COMMIT_A]!["onnx/model.onnx"];
    const other = await failure(place.pull({ name: "acme/other" }));
    expect(other).toMatchObject({
      code: "model_incomplete",
      fix: expect.stringContaining("onnx/model_quantized.onnx"),
    });
  });

  it("does not fetch again what is installed, and asks no hub for an installed commit", async () => {
    await place.pull();
    const before = place.fake.requests.length;
    expect((await place.pull({ revision: COMMIT_A })).fetched).toBe(false);
    expect(place.fake.requests).toHaveLength(before);
    expect((await place.pull()).fetched).toBe(false);
    expect(place.fake.requests).toHaveLength(before + 1);
  });

  it("keeps the old revision beside a new one, and lets the name stand for the one pulled last", async () => {
    await place.pull();
    const model = place.fake.models.get(NAME)!;
    model.refs["main"] = COMMIT_B;
    model.commits[COMMIT_B] = someFiles(1234);
    expect((await place.pull()).manifest.revision).toBe(COMMIT_B);
    expect((await resolveModel(NAME, place.dataDir)).manifest?.revision).toBe(COMMIT_B);
    expect((await resolveModel(`${NAME}@${COMMIT_A}`, place.dataDir)).manifest?.revision).toBe(COMMIT_A);
    await place.pull({ revision: COMMIT_A });
    expect((await resolveModel(NAME, place.dataDir)).manifest?.revision).toBe(COMMIT_A);
  });

  it("reads a listing of several pages", async () => {
    place.fake.pageSize = 2;
    expect((await place.pull()).manifest.files).toHaveLength(5);
    expect(place.fake.requests.filter(({ url }) => url.includes("/tree/"))).toHaveLength(4);
  });

  it("follows a moved repository, installs under the name asked for, and records the new one", async () => {
    place.fake.models.set("acme/renamed", aModel());
    place.fake.moved.set(NAME, "acme/renamed");
    const { manifest } = await place.pull();
    expect(manifest).toMatchObject({ name: NAME, source: { repository: "acme/renamed" } });
    expect(place.events[0]).toMatchObject({ movedTo: "acme/renamed" });
  });
});

describe("a download that is cut", () => {
  /** The CDN sends so many bytes of the weights, waits until they are written down, and cuts the line; so many times. */
  function cut(bytes: number, times: number): void {
    let left = times;
    let waiting: { readonly response: ServerResponse; readonly until: number } | null = null;
    place.onEvent = (event) => {
      if (event.type === "bytes" && event.received === waiting?.until) waiting.response.destroy();
    };
    place.fake.answer = (at, request, response) => {
      if (at !== "cdn" || left === 0 || !request.url!.includes(sha256(weightsOf(place)))) return false;
      left--;
      const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
      const rest = weightsOf(place).subarray(from);
      const headers = { etag: '"cdn-v1"', "content-length": rest.length };
      const range = { "content-range": `bytes ${from}-${from + rest.length - 1}/${from + rest.length}` };
      response.writeHead(from === 0 ? 200 : 206, from === 0 ? headers : { ...headers, ...range });
      waiting = { response, until: from + bytes };
      response.write(rest.subarray(0, bytes));
      return true;
    };
  }
  const ranges = (): (string | undefined)[] =>
    place.fake.requests.flatMap(({ at, headers }) => (at === "cdn" ? [headers.range] : []));

  it("goes on where it stopped, and only if the content is still the same", async () => {
    cut(100_000, 2);
    expect((await place.pull()).fetched).toBe(true);
    expect(ranges().slice(0, 3)).toEqual([undefined, "bytes=100000-", "bytes=200000-"]);
    const resumed = place.fake.requests.filter(({ at, headers }) => at === "cdn" && headers.range !== undefined);
    expect(resumed.map(({ headers }) => headers["if-range"])).toEqual(['"cdn-v1"', '"cdn-v1"']);
    expect(place.waits).toEqual([100, 100]);
  });

  it("is gone on with by the next command", async () => {
    cut(50_000, 1000);
    const inner = place.fake.answer;
    place.fake.answer = (at, request, response) => {
      if (at === "hub" || request.headers.range === undefined) return inner!(at, request, response);
      response.destroy();
      return true;
    };
    expect((await failure(place.pull())).code).toBe("hub_unreachable");
    await nothingInstalled();
    place.fake.answer = (at, request, response) => {
      if (at === "cdn" && request.url!.includes(sha256(weightsOf(place)))) {
        sendBytes(weightsOf(place), '"cdn-v1"', request, response);
        return true;
      }
      return false;
    };
    const before = place.fake.requests.length;
    expect((await place.pull()).fetched).toBe(true);
    const again = place.fake.requests.slice(before).filter(({ url }) => url.includes("/resolve/"));
    // What was complete is not asked for again: README.md and config.json come before the weights.
    expect(again.map(({ url }) => url.split("/").pop())).toEqual([
      "model.onnx",
      "tokenizer.json",
      "tokenizer_config.json",
    ]);
    expect(again[0]?.headers.range).toBe("bytes=50000-");
  });

  it("starts anew when the content has changed or the part cannot be continued", async () => {
    cut(100_000, 1);
    const inner = place.fake.answer;
    place.fake.answer = (at, request, response) => {
      // The tag is another now: the server sends all of it.
      if (at === "cdn" && request.headers.range !== undefined) {
        sendBytes(weightsOf(place), '"cdn-v2"', request, response);
        return true;
      }
      return inner!(at, request, response);
    };
    const { folder } = await place.pull();
    expect((await readFile(join(folder, "onnx/model.onnx"))).equals(weightsOf(place))).toBe(true);
  });

  it("throws a part away that does not fit, and fetches all of it once more", async () => {
    cut(100_000, 1);
    const inner = place.fake.answer;
    let lied = false;
    place.fake.answer = (at, request, response) => {
      if (at === "cdn" && request.headers.range === "bytes=100000-" && !lied) {
        lied = true;
        const rest = randomBytes(200_000);
        const range = { "content-range": "bytes 100000-299999/300000", etag: '"cdn-v1"' };
        response.writeHead(206, { "content-length": rest.length, ...range }).end(rest);
        return true;
      }
      return inner!(at, request, response);
    };
    expect((await place.pull()).fetched).toBe(true);
    expect(lied).toBe(true);
  });

  it("ends after some attempts without progress, however the hub cuts", async () => {
    place.fake.answer = (at, _request, response) => {
      if (at === "cdn") response.destroy();
      return at === "cdn";
    };
    const error = await failure(place.pull());
    expect(error).toMatchObject({ code: "hub_unreachable", message: expect.stringContaining("127.0.0.1") });
    expect(place.waits).toEqual([100, 200, 400]);
  });

  it("gives up a body that hardly comes, and a head that does not", async () => {
    place.fake.answer = (at, _request, response) => {
      if (at === "cdn") response.writeHead(200, { "content-length": 300_000 }).write("x");
      return at === "cdn";
    };
    const slow = await failure(place.pull({ hub: place.hub({ idleMs: 50 }) }));
    expect(slow).toMatchObject({ code: "hub_unreachable", message: expect.stringContaining("silent") });
    place.fake.answer = () => true;
    const silent = await failure(place.pull({ hub: place.hub({ headersMs: 50 }) }));
    expect(silent).toMatchObject({ code: "hub_unreachable", message: expect.stringContaining("silent") });
  });

  it("stops at once when the user does, and keeps what there is", async () => {
    const stop = new AbortController();
    place.fake.answer = (at, _request, response) => {
      if (at !== "cdn") return false;
      response.writeHead(200, { etag: '"cdn-v1"', "content-length": 300_000 });
      response.write(weightsOf(place).subarray(0, 70_000));
      return true;
    };
    const pulled = place.pull({
      signal: stop.signal,
      onEvent: (event) => {
        if (event.type === "bytes" && event.received === 70_000) stop.abort();
      },
    });
    expect((await failure(pulled)).code).toBe("cancelled");
    const staging = join(place.dataDir, "models", ".staging", `${NAME.replace("/", "@")}@${COMMIT_A}`);
    expect((await stat(join(staging, "parts", "2"))).size).toBe(70_000);
    await nothingInstalled();
  });
});

describe("what a hub answers", () => {
  const status = async (
    code: number,
    headers: Record<string, string> = {},
  ): Promise<Awaited<ReturnType<typeof failure>>> => {
    place.fake.answer = (_at, _request, response) => {
      response.writeHead(code, headers).end();
      return true;
    };
    return await failure(place.pull());
  };

  it("names a missing model, a missing revision and a wrong token", async () => {
    expect(await failure(place.pull({ name: "acme/none" }))).toMatchObject({
      code: "hub_refused",
      message: expect.stringContaining("Repository not found"),
      fix: expect.stringContaining("HF_TOKEN"),
    });
    const withToken = await failure(place.pull({ name: "acme/none", hub: place.hub({ token: "hf_x" }) }));
    expect(withToken.code).toBe("hub_not_found");
    expect(await failure(place.pull({ revision: "v9" }))).toMatchObject({
      code: "hub_not_found",
      fix: "check the revision",
    });
    place.fake.token = "hf_right";
    expect((await failure(place.pull({ hub: place.hub({ token: "hf_wrong" }) }))).fix).toBe("check HF_TOKEN");
    expect((await place.pull({ hub: place.hub({ token: "hf_right" }) })).fetched).toBe(true);
  });

  it("says of a gated model that its terms must be accepted, and pulls it with a token", async () => {
    place.fake.models.set(NAME, { ...aModel(), gated: "manual" });
    expect(await failure(place.pull())).toMatchObject({ code: "hub_refused", fix: expect.stringContaining("terms") });
    expect(place.events[0]).toMatchObject({ type: "found", revision: { gated: "manual" } });
    expect((await place.pull({ hub: place.hub({ token: "hf_x" }) })).fetched).toBe(true);
  });

  it("waits as long as the hub asks, and does not wait for an hour", async () => {
    let left = 1;
    place.fake.answer = (_at, _request, response) => {
      if (left-- <= 0) return false;
      response.writeHead(429, { "retry-after": "7" }).end();
      return true;
    };
    expect((await place.pull()).fetched).toBe(true);
    expect(place.waits).toEqual([7000]);
    expect(await status(429, { "retry-after": "3600" })).toMatchObject({ fix: expect.stringContaining("3600 s") });
    expect(place.waits).toEqual([7000]);
  });

  it("repeats after a server error, not after a refusal", async () => {
    expect((await status(503)).code).toBe("hub_unreachable");
    expect(place.waits).toEqual([100, 200, 400]);
    expect((await status(418)).code).toBe("hub_reply_invalid");
    expect(place.waits).toHaveLength(3);
  });

  it("says when there is no hub", async () => {
    const error = await failure(place.pull({ hub: place.hub({ endpoint: "http://127.0.0.1:1" }) }));
    expect(error).toMatchObject({ code: "hub_unreachable", message: expect.stringContaining("127.0.0.1:1") });
    for (const endpoint of ["nonsense", "ftp://hub", "https://user:secret@hub"]) {
      expect(() => openHub({ endpoint })).toThrow(/HF_ENDPOINT/);
    }
    expect(existsSync(join(place.dataDir, "models", NAME))).toBe(false);
  });
});
