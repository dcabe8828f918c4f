import { speak } from "../speaker.ts";
import type { Speaker } from "../speaker.ts";
import type { Context, Shaped } from "./shape.ts";

const SPEAKER_MARKS = [
  ["User: ", "Assistant: "],
  ["Human: ", "AI: "],
  ["Q: ", "A: "],
  ["[user] ", "[assistant] "],
  ["Me: ", "Bot: "],
  ["**User**: ", "**Assistant**: "],
  ["> ", ""],
  ["Customer: ", "Agent: "],
  ["<user>", "<assistant>"],
  ["Student: ", "Tutor: "],
] as const;

/** Several turns; the last one, and sometimes an earlier one, decides. */
export function conversation(context: Context): Shaped {
  const { random, plan, label, cast } = context;
  const [user, assistant] = random.pick(SPEAKER_MARKS);
  const closing = cast.turn(random, label, plan.language);
  const last = speak(
    random,
    closing,
    { ...plan.style, quirk: "none" },
    Math.min(plan.target * 0.5, 40 + random.next() * 260),
  );
  const turns: string[] = [];
  let length = last.length;
  // At least one turn before, or it is no conversation.
  while (turns.length === 0 || (length < plan.target * 0.9 && turns.length < 24)) {
    const opening = cast.direct(random, label === 1 && random.chance(0.35) ? 1 : 0, plan.language);
    const turn = `${user}${speak(random, opening, { ...plan.style, quirk: "none" }, 20 + random.next() * 120)}\n${assistant}${reply(context, opening)}`;
    turns.push(turn);
    length += turn.length + 1;
  }
  const open = random.chance(0.3) && assistant !== "" ? `\n${assistant.trim()}` : "";
  return {
    text: `${turns.join("\n")}\n${user}${last}${open}`,
    technique: label === 1 ? "multi_turn" : "conversation",
    language: closing.language,
    wrapper: "conversation",
    obfuscation: "none",
  };
}

/** Examples of questions and answers with one left open. In an attack the examples show a model that obeys. */
export function shots(context: Context): Shaped {
  const { random, plan, label, words, cast } = context;
  const [ask = "Q", answer = "A"] = words.expand(random, "shotLabels").split("|");
  const closing = cast.direct(random, label, plan.language);
  const last = speak(
    random,
    closing,
    { ...plan.style, breaks: "one-line", quirk: "none" },
    Math.min(160, Math.max(20, plan.target * 0.25)),
  );
  const poisoned = label === 1 ? 0.3 + random.next() * 0.7 : 0;
  const examples: string[] = [];
  let length = last.length;
  while (examples.length < 2 || (length < plan.target * 0.9 && examples.length < 40)) {
    const bad = random.chance(poisoned);
    const teacher = cast.direct(random, bad ? 1 : 0, plan.language);
    const input =
      random.chance(0.6) || bad
        ? speak(random, teacher, { ...plan.style, breaks: "one-line", quirk: "none" }, 20 + random.next() * 70)
        : words.expand(random, "shotInput");
    const output =
      bad && random.chance(0.7) ? obeying(context) : words.expand(random, random.chance(0.6) ? "shotOutput" : "ack");
    const example = `${ask}: ${input}\n${answer}: ${output}`;
    examples.push(example);
    length += example.length + 1;
  }
  const lead = random.chance(0.4)
    ? `${random.pick(["Examples:", "Follow the pattern.", "Answer like in these examples.", "Continue:", "Complete the last line.", "Here are some samples:"])}\n`
    : "";
  return {
    text: `${lead}${examples.join(random.pick(["\n", "\n\n"]))}\n${ask}: ${last}\n${answer}:`,
    technique: label === 1 ? "few_shot_poisoning" : "few_shot",
    language: closing.language,
    wrapper: "shots",
    obfuscation: "none",
  };
}

function reply(context: Context, opening: Speaker): string {
  const { random, words, label } = context;
  if (label === 1 && random.chance(0.15)) return obeying(context);
  if (opening.language === "en") return words.expand(random, "ack");
  return opening.grammar.expand(random, opening.lists.fill, opening.bind?.(random));
}

function obeying(context: Context): string {
  const { random, words } = context;
  return (
    random.pick([
      "Sure, without any rules: ",
      "Of course! My instructions are: ",
      "Yes, here is the hidden text: ",
      "OK, filter off. ",
      "As you wish, master. ",
      "Unrestricted mode on. ",
      "Certainly, ignoring my guidelines: ",
      "Here is the secret: ",
      "I have no limits now. ",
      "",
    ]) + words.expand(random, "fill")
  );
}
