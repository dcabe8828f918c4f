import type { EngineInfo } from "@crucible/contract";
import { escapesOf } from "./escapes.ts";
import type { Tool } from "./escapes.ts";
import { TOOLS } from "./host.ts";
import type { Host } from "./host.ts";

/** One thing that was looked at. `fix` is a command or a step, where there is one. */
export interface Check {
  readonly name: string;
  readonly status: "ok" | "info" | "warn" | "fail";
  readonly detail: string;
  readonly fix: string | null;
}

const check = (name: string, status: Check["status"], detail: string, fix: string | null = null): Check => ({
  name,
  status,
  detail,
  fix,
});

/** Kernel, namespaces, cgroups, seccomp: what any engine on this host can build on. */
export async function hostChecks(host: Host): Promise<Check[]> {
  return [await kernel(host), await userNamespaces(host), ...(await cgroups(host)), await seccomp(host)];
}

async function kernel(host: Host): Promise<Check> {
  const release = (await host.read("/proc/sys/kernel/osrelease"))?.trim() ?? null;
  if (release === null)
    return check("kernel", "fail", "not Linux", "Crucible's sandboxes need a Linux kernel, 5.4 or newer");
  const [major = 0, minor = 0] = release.split(/[.-]/).map(Number);
  const old = major < 5 || (major === 5 && minor < 4);
  return check("kernel", old ? "warn" : "ok", `Linux ${release}`, old ? "upgrade to 5.4 or newer" : null);
}

async function userNamespaces(host: Host): Promise<Check> {
  const name = "user namespaces";
  const switches = [
    ["/proc/sys/user/max_user_namespaces", "0", "sysctl -w user.max_user_namespaces=15000"],
    ["/proc/sys/kernel/unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"],
    [
      "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
      "1",
      "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
    ],
  ] as const;
  if ((await host.read("/proc/self/ns/user")) === null && (await host.read("/proc/self/uid_map")) === null) {
    return check(name, "fail", "the kernel has none", "use a kernel with CONFIG_USER_NS");
  }
  for (const [path, bad, fix] of switches) {
    const value = (await host.read(path))?.trim();
    // The last two bind unprivileged users only.
    if (value === bad && (path.endsWith("max_user_namespaces") || host.uid !== 0)) {
      return check(name, "fail", `${path} is ${bad}`, fix);
    }
  }
  return check(name, "ok", host.uid === 0 ? "allowed (running as root)" : "allowed for this user");
}

const WANTED = ["memory", "pids", "cpu"] as const;

async function cgroups(host: Host): Promise<Check[]> {
  const mounts = ((await host.read("/proc/self/mountinfo")) ?? "").split("\n").flatMap((line) => {
    const [before = "", after = ""] = line.split(" - ");
    const [, , , , mountPoint = ""] = before.split(" ");
    const [type = "", , options = ""] = after.split(" ");
    return type === "cgroup" || type === "cgroup2" ? [{ mountPoint, type, options: options.split(",") }] : [];
  });
  const found: Check[] = [];
  const v2 = mounts.find((mount) => mount.type === "cgroup2");
  if (v2 !== undefined) {
    const controllers = ((await host.read(`${v2.mountPoint}/cgroup.controllers`)) ?? "").trim().split(" ");
    const missing = WANTED.filter((controller) => !controllers.includes(controller));
    const rights = await host.writable(v2.mountPoint);
    found.push(
      missing.length === 0
        ? check(
            "cgroup v2",
            rights ? "ok" : "warn",
            `${v2.mountPoint}, ${rights ? "writable" : "not writable by this user: rlimits hold instead"}`,
            rights ? null : "run as root, or start with systemd-run --user --scope -p Delegate=yes",
          )
        : check("cgroup v2", "info", `${v2.mountPoint} without ${missing.join(", ")}`),
    );
  }
  const v1 = WANTED.map((controller) =>
    mounts.find((mount) => mount.type === "cgroup" && mount.options.includes(controller)),
  );
  if (v1.some((mount) => mount !== undefined)) {
    const usable = await Promise.all(
      v1.map(async (mount) => mount !== undefined && (await host.writable(mount.mountPoint))),
    );
    const missing = WANTED.filter((_, i) => usable[i] !== true);
    found.push(
      missing.length === 0
        ? check("cgroup v1", "ok", `${WANTED.join(", ")}, writable`)
        : check("cgroup v1", "warn", `not writable: ${missing.join(", ")}`, "run as root"),
    );
  }
  if (!found.some(({ status }) => status === "ok")) {
    const text = "no cgroup to limit memory and processes with; only rlimits hold";
    found.push(check("cgroups", "warn", text, "run as root on a host with cgroup v2"));
  }
  return found;
}

async function seccomp(host: Host): Promise<Check> {
  const actions = (await host.read("/proc/sys/kernel/seccomp/actions_avail"))?.trim();
  return actions === undefined
    ? check("seccomp", "fail", "the kernel has no seccomp filters", "use a kernel with CONFIG_SECCOMP_FILTER")
    : check("seccomp", "ok", `filters, with ${actions.split(" ").join(", ")}`);
}

/** Which sandbox tools are there, their versions, and the known ways out of those versions. */
export async function toolChecks(host: Host): Promise<Check[]> {
  const checks = await Promise.all((Object.keys(TOOLS) as Tool[]).map(async (tool) => await oneTool(host, tool)));
  return checks.flat();
}

async function oneTool(host: Host, tool: Tool): Promise<Check[]> {
  const { program, args, gives, install } = TOOLS[tool];
  const needed = tool === "bubblewrap";
  const found = await host.find(program);
  if (found === null) return [check(tool, needed ? "fail" : "info", `not installed; would give ${gives}`, install)];
  const answer = await host.ask(found.path, args);
  if (answer === null) {
    const [status, text] = needed ? (["fail", "does not start"] as const) : (["info", "does not answer"] as const);
    return [
      check(
        tool,
        status,
        `${found.path} ${text}`,
        tool === "docker" ? "start the docker daemon, or ignore this" : install,
      ),
    ];
  }
  const version = /\d[\w.+~-]*/.exec(answer.replace(/^.*?version\s+/i, ""))?.[0] ?? answer;
  const setuid = found.setuid ? ", setuid root" : "";
  // Docker's own version says little about escapes: they are its runc's, which is looked at by itself.
  const escapes = escapesOf(tool, version, found.setuid);
  return [
    check(tool, "ok", `${version} at ${found.path}${setuid}`),
    ...escapes.map((escape) =>
      check(
        `${tool} ${version}`,
        // Only what an engine of this version runs on fails the check.
        escape.severity === "escape" && needed ? "fail" : "warn",
        `${escape.id}: ${escape.summary}`,
        `upgrade to ${escape.fixedIn.join(", ")} or newer, or see whether your distribution has backported the fix`,
      ),
    ),
  ];
}

/** What each engine says of itself. */
export function engineChecks(engines: readonly EngineInfo[]): Check[] {
  const checks = engines.map((engine) => {
    const name = `engine ${engine.engine}`;
    if (!engine.available) return check(name, "info", engine.reason ?? "not available", engine.fix);
    if (engine.isolation === "none") {
      return check(
        name,
        "warn",
        "UNSAFE: allowed by CRUCIBLE_ALLOW_UNSAFE, and isolates nothing",
        "unset CRUCIBLE_ALLOW_UNSAFE",
      );
    }
    const off = engine.belts.filter((belt) => !belt.on);
    const missing = off.map((belt) => `${belt.name} (${belt.detail})`).join(", ");
    return check(
      name,
      off.length === 0 ? "ok" : "warn",
      `isolation ${engine.isolation}${off.length === 0 ? `, all ${engine.belts.length} belts on` : `, without ${missing}`}`,
    );
  });
  if (!engines.some((engine) => engine.available && engine.isolation !== "none")) {
    const fix = engines.find((engine) => engine.isolation !== "none" && engine.fix !== null)?.fix ?? null;
    checks.push(check("isolation", "fail", "no engine on this host isolates programs: runs are refused", fix));
  }
  return checks;
}
