/** The part of a stream that a bar needs. */
interface Screen {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** A bar on a terminal; elsewhere a line at every tenth. */
export function createBar(screen: Screen, total: number): { step(): void; end(): void } {
  const started = performance.now();
  let done = 0;
  const text = (): string => {
    const seconds = (performance.now() - started) / 1000;
    const left = done === 0 ? "" : `, ${((seconds * (total - done)) / done).toFixed(0)} s left`;
    return `${done}/${total} runs, ${(done / Math.max(seconds, 0.001)).toFixed(1)}/s${done < total ? left : ""}`;
  };
  return {
    step() {
      done++;
      if (screen.isTTY === true) {
        const full = Math.round((done / total) * 30);
        screen.write(`\r[${"#".repeat(full)}${".".repeat(30 - full)}] ${text()}\u001b[K`);
      } else if (done % Math.max(1, Math.ceil(total / 10)) === 0) screen.write(`${text()}\n`);
    },
    end() {
      if (screen.isTTY === true) screen.write("\n");
    },
  };
}
