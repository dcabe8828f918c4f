import { randomBytes } from "node:crypto";
import type { ServerResponse } from "node:http";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { listModels, modelsFolder, openHub } from "../src/index.ts";
import { redirectTarget } from "../src/models/hub/request.ts";
import { aModel, COMMIT_A, COMMIT_B, someFiles, startFakeHub } from "./fake-hub.ts";
import { failure, NAME, openPlace, type Place } from "./models-fixture.ts";

let place: Place;
beforeEach(async () => {
  place = await openPlace();
  place.fake.models.set(NAME, aModel());
});
afterEach(async () => {
  // Whatever the hub tried: nothing of it is installed.
  expect(await listModels(modelsFolder(place.dataDir))).toEqual([]);
  await place[Symbol.asyncDispose]();
});

/** Answers requests whose address holds this text, at either server. */
function answerTo(part: string, answer: (response: ServerResponse) => void): void {
  place.fake.answer = (_at, request, response) => {
    if (!request.url!.includes(part)) return false;
    answer(response);
    return true;
  };
}
const refused = async (options = {}) => await failure(place.pull(options));

describe("a hub that lies about files", () => {
  it.each(["../evil.onnx", "onnx/../../evil.onnx", "/etc/evil.onnx", "a\\..\\evil.onnx", "onnx//x.onnx", "./x.onnx"])(
    "has its listing refused as a whole when it holds %s",
    async (path) => {
      place.fake.models.set(NAME, aModel({ ...someFiles(), [path]: Buffer.from("evil") }));
      const error = await refused({ include: ["**"] });
      expect(error).toMatchObject({ code: "hub_reply_invalid", message: expect.stringContaining("leaves its folder") });
    },
  );

  it("cannot bring a manifest of its own, nor names that are no plain ones", async () => {
    const files = { ...someFiles(), "crucible-model.json": Buffer.from("{}"), "-rf.onnx": Buffer.from("x") };
    place.fake.models.set(NAME, aModel({ ...files, ".hidden/model.onnx": Buffer.from("x") }));
    answerTo("/resolve/", (response) => response.writeHead(500).end());
    await refused({ include: ["**", ".hidden/*"] });
    const chosen = place.events.find((event) => event.type === "chosen");
    // All but .gitattributes and the three.
    expect(chosen).toMatchObject({ files: Object.keys(someFiles()).length - 1 });
  });

  it.each([
    [
      "a file that is a folder, too",
      { "onnx/model.onnx_data/x": Buffer.from("x"), "onnx/model.onnx_data": Buffer.from("x") },
    ],
    ["a folder with the name of the manifest", { "crucible-model.json/x.onnx": Buffer.from("x") }],
  ])("is refused or left alone with %s, before anything is fetched", async (_, more) => {
    place.fake.models.set(NAME, aModel({ ...someFiles(), ...more }));
    answerTo("/resolve/", (response) => response.writeHead(500).end());
    const { code } = await refused({ include: ["**"] });
    expect(["hub_reply_invalid", "hub_unreachable"]).toContain(code);
    const chosen = place.events.find((event) => event.type === "chosen");
    if (code === "hub_reply_invalid") expect(chosen).toBeUndefined();
    else expect(chosen).toMatchObject({ files: Object.keys(someFiles()).length - 1 });
  });

  it("is not believed without digests, sizes, or with a path twice", async () => {
    const entry = { type: "file", path: "config.json", oid: "0".repeat(40), size: 2 };
    const listings: unknown[] = [
      [{ ...entry, oid: undefined }],
      [{ ...entry, oid: "zz" }],
      [{ ...entry, size: -1 }],
      [{ ...entry, size: 1e300 }],
      [{ ...entry, lfs: { oid: "00", size: 2 } }],
      [entry, entry],
      [{ ...entry, path: 7 }],
      { error: "no" },
      null,
    ];
    for (const listing of listings) {
      answerTo("/tree/", (response) => response.end(JSON.stringify(listing)));
      expect((await refused()).code, JSON.stringify(listing)).toBe("hub_reply_invalid");
    }
  });

  it("cannot make us take more files or bytes than a model has", async () => {
    const many = Object.fromEntries(
      Array.from({ length: 101 }, (_, i) => [`onnx/model.onnx_data_${i}`, Buffer.from("x")]),
    );
    place.fake.models.set(NAME, aModel({ ...someFiles(), ...many }));
    expect((await refused()).message).toContain("106 files");
    const lfs = { oid: "0".repeat(64), size: 17 * 1024 ** 3 };
    const plain = (path: string) => ({ type: "file", path, oid: "0".repeat(40), size: 2 });
    const huge = [plain("config.json"), plain("tokenizer.json"), { type: "file", path: "onnx/model.onnx", lfs }];
    answerTo("/tree/", (response) => response.end(JSON.stringify(huge)));
    expect((await refused()).message).toContain("19 GB");
    const more = Array.from({ length: 10_001 }, (_, i) => plain(`f${i}`));
    answerTo("/tree/", (response) => response.end(JSON.stringify(more)));
    expect((await refused()).message).toContain("more than 10000 files");
  });

  it("cannot keep us busy with endless pages or an endless description", async () => {
    answerTo("/tree/", (response) => response.setHeader("link", '<?cursor=1>; rel="next"').end("[]"));
    expect((await refused()).message).toContain("20 pages");
    answerTo("/revision/", (response) => {
      const more = (): boolean => response.write(Buffer.alloc(65_536, " "));
      response.on("drain", more);
      while (more());
    });
    expect((await refused()).message).toContain("8388608 bytes");
  });
});

describe("a hub that sends other bytes", () => {
  it("is found out by the digest, and nothing of it is kept", async () => {
    const readme = place.fake.models.get(NAME)!.commits[COMMIT_A]!["README.md"]!;
    answerTo("/resolve/", (response) => response.end(Buffer.alloc(readme.length, "x")));
    expect(await refused()).toMatchObject({ code: "hash_mismatch", message: expect.stringContaining("git-sha1") });
    place.fake.answer = (at, _request, response) => {
      if (at === "cdn") response.end(randomBytes(300_000));
      return at === "cdn";
    };
    expect(await refused()).toMatchObject({ code: "hash_mismatch", message: expect.stringContaining("sha256") });
  });

  it("is stopped when it sends more than it announced, with and without saying so", async () => {
    place.fake.answer = (at, _request, response) => {
      if (at === "cdn") response.writeHead(200, { "content-length": 400_000 }).end(randomBytes(400_000));
      return at === "cdn";
    };
    expect((await refused()).message).toContain("sends 400000");
    let sent = 0;
    place.fake.answer = (at, _request, response) => {
      if (at !== "cdn") return false;
      const more = (): boolean => response.write(Buffer.alloc(65_536), () => (sent += 65_536));
      response.on("drain", more);
      while (more());
      return true;
    };
    expect((await refused()).message).toContain("more of onnx/model.onnx than it announced");
    expect(sent).toBeLessThan(50_000_000);
  });

  it("is stopped when it announces another digest, commit or part than its listing", async () => {
    const cases: [Record<string, string | number>, string][] = [
      [{ "x-repo-commit": COMMIT_B }, "another commit"],
      [{ "x-linked-etag": `"${"0".repeat(40)}"` }, "sends it as"],
      [{ "content-range": "bytes 5-9/10" }, "another part"],
    ];
    for (const [headers, words] of cases) {
      answerTo("/resolve/", (response) => response.writeHead("content-range" in headers ? 206 : 200, headers).end("x"));
      expect(await refused()).toMatchObject({ code: "hub_reply_invalid", message: expect.stringContaining(words) });
    }
  });

  it("cannot send a compressed body that nobody asked for", async () => {
    answerTo("/revision/", (response) => {
      response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(Buffer.alloc(1_000_000)));
    });
    expect((await refused()).message).toContain("not asked for");
  });

  it("cannot answer for another commit, or with what is no description", async () => {
    for (const reply of [{ id: NAME, sha: "HEAD" }, { id: NAME }, [], null, { id: "../x", sha: COMMIT_A }]) {
      answerTo("/revision/", (response) => response.end(JSON.stringify(reply)));
      expect(["hub_reply_invalid", "model_invalid"]).toContain((await refused()).code);
    }
    answerTo("/revision/", (response) => response.end(JSON.stringify({ id: NAME, sha: COMMIT_A })));
    expect((await refused({ revision: COMMIT_B })).message).toContain(`answers with commit ${COMMIT_A}`);
    answerTo("/revision/", (response) => response.end("<html>"));
    expect((await refused()).message).toContain("without JSON");
  });

  it("cannot write control characters on the terminal", async () => {
    const card = { license: "\u001b[2Jfree" };
    answerTo("/revision/", (response) => response.end(JSON.stringify({ id: NAME, sha: COMMIT_A, cardData: card })));
    place.fake.answer = ((inner) => (at, request, response) => {
      if (request.url!.includes("/tree/")) response.writeHead(404, { "x-error-message": "\u009b2Jgone" }).end();
      return request.url!.includes("/tree/") || inner!(at, request, response);
    })(place.fake.answer);
    const { message } = await refused();
    expect(message).toMatch(/^[\u0020-\u007e]+$/);
    expect(place.events[0]).toMatchObject({ revision: { licence: "?[2Jfree" } });
  });
});

describe("where the token goes", () => {
  it("goes to the hub and not to where the hub redirects", async () => {
    // Nothing here may be installed, so the download fails at its end.
    place.fake.answer = (at, _request, response) => {
      if (at === "cdn") response.writeHead(403).end();
      return at === "cdn";
    };
    await refused({ hub: place.hub({ token: "hf_secret" }) });
    const bearer = (at: string) =>
      place.fake.requests.filter((request) => request.at === at).map(({ headers }) => headers.authorization);
    expect(new Set(bearer("hub"))).toEqual(new Set(["Bearer hf_secret"]));
    expect(bearer("cdn")).toEqual([undefined]);
  });

  it("does not come back with a redirect through another host", async () => {
    await using other = await startFakeHub();
    other.answer = (_at, request, response) => {
      response.writeHead(302, { location: `${place.fake.endpoint}${request.url}&back` }).end();
      return true;
    };
    answerTo("?signature", (response) => response.writeHead(302, { location: `${other.endpoint}/x?y` }).end());
    await refused({ hub: place.hub({ token: "hf_secret" }) });
    expect(other.requests.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  });

  it("is not sent unencrypted over a network, and no redirect leads from https to http", async () => {
    expect(() => openHub({ endpoint: "http://hub.example", token: "hf_x" })).toThrow(/unencrypted/);
    expect(() => openHub({ endpoint: "https://hub.example", token: "two words" })).toThrow(/HF_TOKEN/);
    const hub = new URL("https://hub.example/api");
    expect(() => redirectTarget(hub, "http://hub.example/api")).toThrow(/not encrypted/);
    expect(redirectTarget(hub, "/other").href).toBe("https://hub.example/other");
    for (const location of ["file:///etc/passwd", "gopher://x", "data:,x"]) {
      answerTo("/revision/", (response) => response.writeHead(302, { location }).end());
      expect((await refused()).message).toContain("not encrypted");
    }
  });

  it("ends a circle of redirects", async () => {
    answerTo("/revision/", (response) => response.writeHead(302, { location: "/api/models/x/revision/y" }).end());
    expect((await refused()).message).toContain("circles");
  });
});
