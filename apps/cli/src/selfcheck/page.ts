import { createHash } from "node:crypto";
import type { SelfcheckReport, SelfcheckResult } from "@crucible/contract";
import { formatDuration } from "../units.ts";
import { SCRIPT, STYLE } from "./page-style.ts";
import { printable, verdictText } from "./text.ts";
import { withHash } from "./verify.ts";

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text as HTML, safe between tags and in quoted attributes; characters that nobody sees are shown as `?`. */
export const escapeHtml = (text: string): string =>
  printable(text).replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? "");

const digest = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

/** Nothing is loaded from anywhere, and nothing runs but the one script whose hash stands here (CSP Level 3). */
const POLICY = `default-src 'none'; style-src ${digest(STYLE)}; script-src ${digest(SCRIPT)}; base-uri 'none'; form-action 'none'`;

const WORDS: Readonly<Record<SelfcheckResult["status"], string>> = {
  passed: "passed",
  failed: "failed",
  skipped: "skipped",
  not_promised: "not promised",
};

const CONTROL_WORDS: Readonly<Record<SelfcheckReport["controls"][number]["status"], string>> = {
  attack_succeeds: "succeeds without a sandbox",
  host_refuses: "refused by this host itself",
  not_run: "not run",
  inconclusive: "without a verdict",
};

function verdict(report: SelfcheckReport, engine: SelfcheckReport["engines"][number]): string {
  const counts = report.summary[engine.engine];
  const kind =
    counts === undefined || counts.passed === 0
      ? "warn"
      : counts.failed > 0
        ? "bad"
        : counts.inconclusive > 0
          ? "warn"
          : "ok";
  const off = engine.belts.filter(({ on }) => !on).map(({ name }) => name);
  return `<div class="verdict ${kind}"><strong>${escapeHtml(engine.engine)}${engine.version === null ? "" : ` ${escapeHtml(engine.version)}`}</strong>
<p class="soft">level ${engine.isolation}${off.length === 0 ? "" : `; off: ${escapeHtml(off.join(", "))}`}</p>
<p>${escapeHtml(verdictText(counts))}</p></div>`;
}

function facts(report: SelfcheckReport): string {
  const { host, crucible, scope } = report;
  const rows: [string, string][] = [
    ["Date", report.createdAt],
    ["Took", formatDuration(report.durationMs)],
    ["Crucible", `${crucible.version}${crucible.commit === null ? "" : `, commit ${crucible.commit}`}`],
    ["System", `${host.os}, Linux ${host.kernel}, ${host.arch}`],
    ["Machine", `${host.cpus} processors, ${Math.round(host.memoryBytes / 1024 ** 3)} GiB memory`],
    ["Run as", host.asRoot ? "root" : "an ordinary user"],
    ["Node", host.node],
    ["Scope", `${scope.groups.join(", ")}${scope.quick ? "; the quick part only" : ""}`],
    ...host.facts.map(({ name, detail, status }): [string, string] => [
      name,
      `${detail}${status === "ok" ? "" : ` (${status})`}`,
    ]),
    ...report.engines
      .filter(({ engine }) => !scope.engines.includes(engine))
      .map(({ engine, reason }): [string, string] => [`engine ${engine}`, reason ?? "not chosen"]),
  ];
  return `<dl>${rows.map(([name, value]) => `<dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd>`).join("\n")}</dl>`;
}

function filters(report: SelfcheckReport): string {
  const option = (value: string): string => `<option value="${escapeHtml(value)}">${escapeHtml(value)}</option>`;
  const boxes = Object.entries(WORDS).map(
    ([status, word]) => `<label><input type="checkbox" name="status" value="${status}" checked>${word}</label>`,
  );
  return `<form hidden><select name="group" aria-label="Group"><option value="">all groups</option>${report.scope.groups.map(option).join("")}</select>
<select name="engine" aria-label="Engine"><option value="">all engines</option>${report.scope.engines.map(option).join("")}</select>
${boxes.join("\n")}
<input type="search" name="words" placeholder="words or a CVE" aria-label="Words"><span class="soft" id="shown"></span></form>`;
}

function groupTable(report: SelfcheckReport, group: string): string {
  const { engines } = report.scope;
  const results = new Map(report.checks.map((one) => [`${one.engine}\n${one.id}`, one]));
  const controls = new Map(report.controls.map((one) => [one.id, one]));
  const head = engines.map((engine) => `<th data-column="${escapeHtml(engine)}">${escapeHtml(engine)}</th>`).join("");
  const rows = report.catalogue
    .filter((check) => check.group === group)
    .map(({ id, title, incident }) => {
      const own = engines.flatMap((engine) => results.get(`${engine}\n${id}`) ?? []);
      const cells = own.map(
        ({ engine, status }) =>
          `<td class="result" data-column="${escapeHtml(engine)}" data-status="${status}"><span class="chip ${status}">${WORDS[status]}</span></td>`,
      );
      const why = own
        .filter(({ detail }) => detail !== "")
        .map(
          ({ engine, detail }) =>
            `<p class="why" data-column="${escapeHtml(engine)}"><b>${escapeHtml(engine)}</b>: ${escapeHtml(detail)}</p>`,
        );
      const control = controls.get(id);
      const controlText =
        control === undefined
          ? ""
          : `<p class="why">control: ${CONTROL_WORDS[control.status]}${control.status === "attack_succeeds" ? "" : `, ${escapeHtml(control.detail)}`}</p>`;
      return `<tr data-row><td class="check"><b>${escapeHtml(title)}</b><p class="soft">${escapeHtml(incident)} <code>${escapeHtml(id)}</code></p>${why.join("")}${controlText}</td>${cells.join("")}</tr>`;
    });
  return `<section data-group="${escapeHtml(group)}"><h2>${escapeHtml(group)}</h2><div class="scroll"><table><thead><tr><th>check, and what it stands for</th>${head}</tr></thead>
<tbody>
${rows.join("\n")}
</tbody></table></div></section>`;
}

/** The report as one page that loads nothing, with its own hash in a line of its own (see `verify.ts`). */
export function reportPage(report: SelfcheckReport): string {
  const engines = report.engines.filter(({ engine }) => report.scope.engines.includes(engine));
  const shown = report.controls.filter(({ status }) => status === "attack_succeeds").length;
  const controls =
    report.controls.length === 0
      ? "No controls were run."
      : `${shown} of the attacks were shown to succeed on this host without a sandbox.`;
  return withHash(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${POLICY.replaceAll('"', "&quot;")}">
<title>Crucible self-check</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>Does the isolation hold here?</h1>
<p class="soft">${report.catalogue.length} attacks and conformance checks, carried out on this host against ${engines.length === 1 ? "one engine" : `${engines.length} engines`}. ${controls}</p>
<div class="verdicts">
${engines.map((engine) => verdict(report, engine)).join("\n")}
</div>
${facts(report)}
${filters(report)}
${report.scope.groups.map((group) => groupTable(report, group)).join("\n")}
<footer class="soft">
<p>SHA-256 of the report's content: <code>${report.sha256}</code>. This page carries its own hash; <code>crucible selfcheck verify FILE</code> recomputes both kinds.</p>
<p>A passed check shows that this attack failed on this host at this time. It does not show that no attack can succeed.</p>
</footer>
</main>
<script>${SCRIPT}</script>
</body>
</html>
`);
}
