/** What a check is. Checks know nothing of Vitest, so that any runner can carry them out. */
import type { Engine } from "../types.ts";
import type { KnownReports } from "./looks.ts";

/** The subjects of the contract, in the order in which they are reported. */
export const CHECK_GROUPS = [
  "outcomes",
  "io",
  "spec",
  "resources",
  "processes",
  "files",
  "secrets",
  "kernel",
  "network",
  "tenancy",
  "cleanup",
] as const;
export type CheckGroup = (typeof CHECK_GROUPS)[number];

/** What a check works on: the engine that all checks share, and a way to make a fresh one. */
export interface CheckTarget {
  readonly engine: Engine;
  /** A further engine of the same kind; the check that makes it closes it. */
  create(): Promise<Engine>;
  /** Lets checks that look at like things share a run of `engine`; without it each has runs of its own. */
  readonly reports?: KnownReports;
}

/**
 * What happens when the check runs against an engine without isolation (the control):
 * `fails`: it must fail there, or it proves nothing;
 * `mayPass`: it fails there unless the host itself refuses the thing, for the reason given;
 * `notRun`: it would harm the host, for the reason given.
 */
export type ControlExpectation = "fails" | { readonly mayPass: string } | { readonly notRun: string };

/** One behaviour or one attack. */
export interface Check {
  /** `group.name`, stable: engines name their exceptions by it. */
  readonly id: string;
  readonly group: CheckGroup;
  /** The behaviour, in the present tense. */
  readonly title: string;
  /** The incident, or class of incidents, that the check stands for. */
  readonly incident: string | null;
  /** Null for behaviour that needs no isolation. */
  readonly control: ControlExpectation | null;
  /** Belts of the probe's report that must be on; where the host lacks one, the check says so and is left out. */
  readonly belts: readonly string[];
  /** Whether it has to have the machine to itself: it measures time or the host, or takes either to its limits. */
  readonly alone: boolean;
  /**
   * Throws `AssertionError` when the engine does not hold the promise, `CheckInconclusiveError`
   * when the attack could not be carried out, `CheckNotApplicableError` when this host has no
   * such thing to attack.
   */
  readonly run: (target: CheckTarget) => Promise<void>;
}

/** A check as written in a group's file; the group comes from `checksOf`. */
export interface CheckDefinition {
  readonly name: string;
  readonly title: string;
  readonly incident?: string;
  readonly control?: ControlExpectation;
  readonly belts?: readonly string[];
  /** Default: what holds for its group. */
  readonly alone?: boolean;
  readonly run: (target: CheckTarget) => Promise<void>;
}

/** Groups whose checks have to be alone: see `Check.alone`. */
const ALONE: readonly CheckGroup[] = ["resources", "secrets", "tenancy", "cleanup"];

/** Gives each definition its group and its id. */
export function checksOf(group: CheckGroup, definitions: readonly CheckDefinition[]): Check[] {
  return definitions.map(({ name, title, incident, control, belts, alone, run }) => ({
    id: `${group}.${name}`,
    group,
    title,
    incident: incident ?? null,
    control: control ?? null,
    belts: belts ?? [],
    alone: alone ?? ALONE.includes(group),
    run,
  }));
}

/** The attack program itself broke: says nothing about the engine, and is never a pass. */
export class CheckInconclusiveError extends Error {
  readonly code = "check_inconclusive";
  constructor(message: string) {
    super(message);
    this.name = "CheckInconclusiveError";
  }
}

/** This host has nothing for the check to work on; `message` says what is missing. */
export class CheckNotApplicableError extends Error {
  readonly code = "check_not_applicable";
  constructor(message: string) {
    super(message);
    this.name = "CheckNotApplicableError";
  }
}
