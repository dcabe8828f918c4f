const graph = new Map<string, string[]>([
  ["shirt", ["tie", "belt"]],
  ["tie", ["jacket"]],
  ["trousers", ["shoes", "belt"]],
  ["belt", ["jacket"]],
  ["socks", ["shoes"]],
]);

function order(edges: ReadonlyMap<string, readonly string[]>): string[] {
  const state = new Map<string, "open" | "done">();
  const result: string[] = [];
  const visit = (node: string): void => {
    if (state.get(node) === "done") return;
    if (state.get(node) === "open") throw new Error(`cycle at ${node}`);
    state.set(node, "open");
    for (const next of edges.get(node) ?? []) visit(next);
    state.set(node, "done");
    result.unshift(node);
  };
  for (const node of edges.keys()) visit(node);
  return result;
}

console.log(order(graph).join(" > "));
