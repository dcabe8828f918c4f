import { setImmediate } from "node:timers/promises";
import { type Found, type Finders, createInspection } from "./inspect.ts";
import { holdOf, holdsCalls, MAX_HELD, MAX_PLACES } from "./policy.ts";
import { createTally } from "./tally.ts";
import { type Channel, createTextChannel } from "./text-channel.ts";
import { createToolCallChannel } from "./tool-call-channel.ts";
import type { OutputParts, OutputPlace, OutputRequest, OutputScreen, OutputStep, ReleasedText } from "./types.ts";

/** Other requests wait no longer than this for a long answer of one. */
const YIELD_MS = 10;

/** Builds the screen of one answer. */
export function createScreen(
  { policy, screenText }: OutputParts,
  request: OutputRequest,
  finders: Finders,
): OutputScreen {
  const { signal } = request;
  const tally = createTally();
  const inspection = createInspection(policy, request, finders);
  const channels = new Map<string, { readonly place: OutputPlace; readonly channel: Channel }>();
  let heldLeft = MAX_HELD;
  let resumedAt = performance.now();

  const giveWay = async (): Promise<void> => {
    if (performance.now() - resumedAt > YIELD_MS) {
      await setImmediate();
      resumedAt = performance.now();
    }
    signal?.throwIfAborted();
  };

  const reserve = (length: number): boolean => {
    heldLeft -= length;
    return heldLeft >= 0;
  };

  const asker = (place: OutputPlace) => {
    const check = place.kind === "text" ? "text" : "toolCalls";
    const { action } = policy[check];
    if (action === "off") return null;
    return async (text: string): Promise<void> => {
      const verdict = await screenText(text, signal === undefined ? {} : { signal });
      tally.addVerdict(place, check, action, verdict);
    };
  };

  const open = (place: OutputPlace): Channel => {
    const common = { place, inspection, askGuard: asker(place), tally, giveWay };
    return place.kind === "text"
      ? createTextChannel({ ...common, hold: holdOf(policy, request), window: policy.window })
      : createToolCallChannel({ ...common, holds: holdsCalls(policy), reserve });
  };

  const channelOf = (place: OutputPlace): Channel | null => {
    const key = keyOf(place);
    const known = channels.get(key)?.channel;
    if (known !== undefined) return known;
    if (channels.size >= MAX_PLACES) {
      tally.add(place, TOO_MANY);
      return null;
    }
    const channel = open(place);
    channels.set(key, { place, channel });
    return channel;
  };

  /** Does one step, with its time and its end. */
  const step = async (work: (released: ReleasedText[]) => Promise<void>): Promise<OutputStep> => {
    signal?.throwIfAborted();
    const released: ReleasedText[] = [];
    const start = performance.now();
    resumedAt = start;
    if (!tally.stopped) await work(released);
    tally.spent(performance.now() - start);
    return { released, stopped: tally.stopped ? tally.verdict() : null };
  };

  return {
    push: (place, text) =>
      step(async (released) => {
        if (text === "") return;
        const out = (await channelOf(place)?.push(text)) ?? "";
        if (out !== "") released.push({ place, text: out });
      }),
    end: (choice) =>
      step(async (released) => {
        for (const [key, { place, channel }] of channels) {
          if (choice !== undefined && place.choice !== choice) continue;
          channels.delete(key);
          const text = await channel.end();
          if (text !== "") released.push({ place, text });
          if (tally.stopped) return;
        }
      }),
    verdict: tally.verdict,
  };
}

/** No honest answer has so many; each costs a window of memory. */
const TOO_MANY: Found = { check: "text", kind: "too_many_places", action: "block", start: null, end: null, via: [] };

function keyOf(place: OutputPlace): string {
  return place.kind === "text" ? `${place.choice} ${place.field}` : `${place.choice}#${place.call}`;
}
