import { type Check, type CheckGroup, CONTRACT_CHECKS } from "../testing/checks.ts";
import { ATTACKS } from "./attacks/attacks.ts";
import { incidentOf } from "./incidents.ts";
import { SELFCHECK_GROUPS, type SelfCheck, type SelfcheckGroup } from "./types.ts";

/** Where the contract's subjects stand in the report. */
const GROUP_OF: Readonly<Record<CheckGroup, SelfcheckGroup>> = {
  outcomes: "integrity",
  io: "integrity",
  spec: "integrity",
  resources: "resources",
  processes: "processes",
  files: "files",
  secrets: "secrets",
  kernel: "kernel",
  network: "network",
  tenancy: "tenancy",
  cleanup: "processes",
};

/** Single checks that stand elsewhere: by what an operator would look for, not by how they are written. */
const ELSEWHERE: Readonly<Record<string, SelfcheckGroup>> = {
  "outcomes.compile-bomb": "resources",
  "outcomes.compile-reads-host": "secrets",
  "processes.kill-everything": "integrity",
  "processes.kill-group": "integrity",
  "processes.kill-parent": "integrity",
  "processes.signal-parent": "integrity",
  "processes.limit-parent": "integrity",
  "processes.forged-outcome": "integrity",
  "processes.hijacked-launcher": "integrity",
  "processes.slow-end": "integrity",
  "files.host-processes": "secrets",
  "files.descriptors-of-others": "secrets",
  "files.shadow": "secrets",
  "files.secret-in-service": "secrets",
  "files.secret-in-home": "secrets",
  "kernel.shared-memory": "tenancy",
  "kernel.uid-per-run": "tenancy",
  "kernel.process-ids": "processes",
};

/** Left out of `--quick`: those that wait for a limit, or run many programs. */
const SLOW = new Set([
  "outcomes.timed-out",
  "outcomes.timed-out-any-moment",
  "outcomes.cancelled-any-moment",
  "outcomes.compile-bomb",
  "resources.cpu-together",
  "resources.cpu-of-the-dead",
  "resources.cpu-share",
  "resources.fork-bomb",
  "resources.memory-of-children",
  "resources.all-at-once",
  "resources.disk-flood",
  "resources.inode-flood",
  "resources.neighbour",
  "processes.after-timeout",
  "processes.signal-parent",
  "processes.limit-parent",
  "processes.forged-outcome",
  "processes.hijacked-launcher",
  "processes.slow-end",
  "kernel.shared-memory",
  "tenancy.parallel-io",
  "tenancy.parallel-places",
  "tenancy.output-not-left",
  "tenancy.shared-input",
  "tenancy.cancel-one",
  "tenancy.cancel-waiting",
  "tenancy.smuggled-request",
  "tenancy.signal-others",
  "cleanup.after-close",
  "cleanup.temporary-files",
  "cleanup.no-growth",
]);

const nameOf = ({ id, group }: Check): string => id.slice(group.length + 1);

function selfCheck(check: Check, group: SelfcheckGroup): SelfCheck {
  const incident = check.incident ?? incidentOf(check.id);
  if (incident === null) throw new Error(`no incident is named for ${check.id}`);
  const { title, control } = check;
  return { id: `${group}.${nameOf(check)}`, group, title, incident, control, quick: !SLOW.has(check.id), check };
}

/** Plain behaviour without an incident behind it is the contract's affair alone. */
const STANDS_FOR_NONE = ["outcomes", "io", "spec"];

function build(): SelfCheck[] {
  const contract = CONTRACT_CHECKS.filter(
    ({ group, incident, id }) => incident !== null || ELSEWHERE[id] !== undefined || !STANDS_FOR_NONE.includes(group),
  ).map((check) => selfCheck(check, ELSEWHERE[check.id] ?? GROUP_OF[check.group]));
  const further = SELFCHECK_GROUPS.flatMap((group) => ATTACKS[group].map((check) => selfCheck(check, group)));
  const all = [...contract, ...further];
  return SELFCHECK_GROUPS.flatMap((group) => all.filter((one) => one.group === group));
}

/** Every self-check, in the order of the groups. Ids are unique; each names what it stands for. */
export const SELFCHECKS: readonly SelfCheck[] = build();
