import { setImmediate } from "node:timers/promises";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { loginPage } from "./login-page.ts";

/** Runs the page's script in a browser of the few things it uses. */
function open(hash: string, reply: { ok: boolean; message?: string } | null) {
  const element = () => ({
    textContent: "",
    value: "",
    focus() {},
    listeners: {} as Record<string, (event: object) => void>,
    addEventListener(name: string, listener: (event: object) => void) {
      this.listeners[name] = listener;
    },
  });
  const elements: Record<string, ReturnType<typeof element>> = { said: element(), key: element(), form: element() };
  const done: unknown[] = [];
  const context = {
    document: { getElementById: (id: string) => elements[id] },
    location: { hash, pathname: "/login", replace: (url: string) => done.push(["go", url]) },
    history: { replaceState: (_state: unknown, _title: string, url: string) => done.push(["address", url]) },
    URLSearchParams,
    fetch: async (url: string, { body }: { body: string }) => {
      done.push(["post", url, JSON.parse(body)]);
      if (reply === null) throw new TypeError("network");
      return { ok: reply.ok, json: async () => ({ error: { message: reply.message } }) };
    },
  };
  const script = /<script>([\s\S]*)<\/script>/.exec(loginPage().html)?.[1] ?? "";
  expect(script).not.toBe("");
  runInNewContext(script, context);
  return { done, elements };
}

describe("the login page", () => {
  it("wipes the key from the address, trades it for a session, and goes on", async () => {
    const { done } = open("#key=abc%2Bdef", { ok: true });
    await setImmediate();
    expect(done).toEqual([
      ["address", "/login"],
      ["post", "/login", { key: "abc+def" }],
      ["go", "/docs"],
    ]);
  });

  it("says what is wrong with a key, and stays", async () => {
    const { done, elements } = open("#key=bad", { ok: false, message: "this server does not know that key" });
    await setImmediate();
    expect(elements["said"]?.textContent).toBe("this server does not know that key");
    expect(done).not.toContainEqual(["go", "/docs"]);
  });

  it("takes a typed key", async () => {
    const { done, elements } = open("", { ok: true });
    expect(done).toEqual([]);
    elements["key"]!.value = " typed ";
    elements["form"]!.listeners["submit"]?.({ preventDefault() {} });
    await setImmediate();
    expect(done).toEqual([
      ["post", "/login", { key: "typed" }],
      ["go", "/docs"],
    ]);
  });

  it("says when the server does not answer", async () => {
    const { elements } = open("#key=abc", null);
    await setImmediate();
    expect(elements["said"]?.textContent).toBe("The server does not answer.");
  });
});
