import type { SelfcheckReport, SelfcheckResult } from "@crucible/contract";
import { table } from "../table.ts";
import { formatDuration } from "../units.ts";

const STATUSES = ["passed", "failed", "skipped", "not_promised"] as const;

function cell(results: readonly SelfcheckResult[]): string {
  const parts = STATUSES.flatMap((status) => {
    const count = results.filter((one) => one.status === status).length;
    return count === 0 ? [] : [`${count} ${status.replace("_", " ")}`];
  });
  return parts.join(", ") || "none";
}

/** Details come from programs: nothing in them may move a terminal's cursor. */
export const printable = (text: string): string => text.replaceAll(/[\p{Cc}\p{Cf}]/gu, "?");

/** The report for a terminal: a table of groups and engines, then every check that did not simply pass. */
export function reportText(report: SelfcheckReport): string {
  const engines = report.engines.filter(({ engine }) => report.scope.engines.includes(engine));
  const of = (engine: string, group: string | null): SelfcheckResult[] =>
    report.checks.filter((one) => one.engine === engine && (group === null || one.group === group));
  const header = [
    "group",
    ...engines.map(({ engine, version }) => `${engine}${version === null ? "" : ` ${printable(version)}`}`),
  ];
  const rows = [
    ["", ...engines.map(({ isolation }) => `level ${isolation}`)],
    ...report.scope.groups.map((group) => [group, ...engines.map(({ engine }) => cell(of(engine, group)))]),
    ["all", ...engines.map(({ engine }) => cell(of(engine, null)))],
  ];
  const about = new Map(report.catalogue.map((check) => [check.id, check]));
  const failed = report.checks
    .filter(({ status }) => status === "failed")
    .flatMap(({ id, engine, detail }) => [
      `FAILED   ${engine}  ${id}: ${about.get(id)?.title ?? ""}`,
      `         stands for ${about.get(id)?.incident ?? "nothing"}`,
      `         ${printable(detail)}`,
    ]);
  const skipped = report.checks
    .filter(({ status }) => status === "skipped")
    .map(({ id, engine, detail }) => `SKIPPED  ${engine}  ${id}: ${printable(detail)}`);
  const shown = report.controls.filter(({ status }) => status === "attack_succeeds").length;
  const refused = report.controls.filter(({ status }) => status === "host_refuses").length;
  const controls =
    report.controls.length === 0
      ? "controls: not run"
      : `controls: ${shown} attacks succeed without a sandbox, ${refused} are refused by this host itself, ${report.controls.length - shown - refused} not run or without a verdict`;
  const verdicts = engines.map(({ engine }) => `${engine}: ${verdictText(report.summary[engine])}`);
  return [
    table(header, rows).trimEnd(),
    "",
    ...failed,
    ...skipped,
    ...(failed.length + skipped.length > 0 ? [""] : []),
    controls,
    ...verdicts,
    `in ${formatDuration(report.durationMs)}; SHA-256 of the report ${report.sha256}`,
    "",
  ].join("\n");
}

/** What is proven of an engine, and what is not. */
export function verdictText(counts: SelfcheckReport["summary"][string] | undefined): string {
  if (counts === undefined || counts.passed + counts.failed + counts.inconclusive === 0) return "nothing was tested";
  const { passed, failed, inconclusive, skipped } = counts;
  if (failed > 0) return `BROKEN: ${failed} of ${passed + failed} tested promises did not hold`;
  if (inconclusive > 0) return `NOT PROVEN: ${inconclusive} promises are inconclusive, ${passed} held`;
  const untested = skipped > 0 ? `, ${skipped} could not be tested here` : "";
  return `all ${passed} promises that this host could test held${untested}`;
}
