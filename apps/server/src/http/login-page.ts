import { BASE_STYLE, page } from "./html.ts";
import type { Page } from "./html.ts";

const STYLE = `${BASE_STYLE}
main{max-width:26rem;margin:18vh auto 0;padding:0 1.25rem}
h1{font-size:1.4rem;margin:0 0 .25rem}
p{color:var(--soft);margin:.25rem 0 1rem}
label{display:block;font-weight:600;margin-bottom:.35rem}
input{width:100%;font:inherit;padding:.5rem .6rem;border:1px solid var(--line);border-radius:.4rem;background:var(--panel);color:inherit}
button{margin-top:.8rem;font:inherit;font-weight:600;padding:.5rem 1rem;border:0;border-radius:.4rem;background:var(--accent);color:var(--back);cursor:pointer}
#said{min-height:1.5em;margin-top:.8rem;color:var(--accent)}
`;

const BODY = `<main>
<h1>Crucible</h1>
<p>A session opens the pages of this server for reading. It cannot run code: that takes the key itself.</p>
<form id="form">
<label for="key">API key</label>
<input id="key" name="key" type="password" autocomplete="off" required autofocus>
<button type="submit">Open</button>
</form>
<p id="said" role="status" aria-live="polite"></p>
<noscript><p>This page needs JavaScript to keep the key out of addresses and logs.</p></noscript>
</main>`;

/** The key comes in the fragment, which browsers never send; it is wiped from the address before anything else. */
const SCRIPT = `
const said = document.getElementById("said");
const field = document.getElementById("key");
async function open(key) {
  said.textContent = "One moment…";
  try {
    const reply = await fetch("/login", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ key }) });
    if (reply.ok) { location.replace("/docs"); return; }
    said.textContent = (await reply.json()).error.message;
  } catch { said.textContent = "The server does not answer."; }
  field.focus();
}
const given = new URLSearchParams(location.hash.slice(1)).get("key");
if (location.hash !== "") history.replaceState(null, "", location.pathname);
document.getElementById("form").addEventListener("submit", (event) => { event.preventDefault(); void open(field.value.trim()); });
if (given) void open(given);
`;

/** The page behind the login link `/login#key=…`. */
export function loginPage(): Page {
  return page("Log in · Crucible", BODY, STYLE, SCRIPT);
}
