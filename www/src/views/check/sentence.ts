/** What was found, in one sentence. */
import { number } from "../../domain/words";
import type { Check } from "./checker";

export function sentence({ phase, source, result }: Check): string {
  if (phase === "reading") return `Reading ${source.name ?? "what you pasted"} …`;
  if (!result) return "This could not be checked.";
  const part = phase !== "done";
  const { messages, servers } = result;
  const where = part ? "the part that was read" : messages === 1 ? "this message" : "this mailbox";
  if (messages === 0) return part ? "No message was read." : "There is no message in it.";
  const total = servers.length;
  if (total === 0) {
    if (messages > 1) return `No Exchange server is shown by the ${number(messages)} messages of ${where}.`;
    return `No Exchange server is shown by ${where}.`;
  }
  const count = (state: string) => servers.filter(({ standing }) => standing.state === state).length;
  const [outOfDate, current] = [count("out_of_date"), count("current")];
  if (total === 1) {
    const is = outOfDate ? "is out of date" : current ? "is up to date" : "cannot be judged";
    return `The Exchange server in ${where} ${is}.`;
  }
  const all = `${total === 2 ? "Both" : `All ${number(total)}`} Exchange servers in ${where}`;
  if (outOfDate === total) return `${all} are out of date.`;
  if (current === total) return `${all} are up to date.`;
  const unknown = total - outOfDate - current;
  const rest = unknown > 0 ? `; ${number(unknown)} cannot be judged` : "";
  const some = outOfDate === 0 ? "None" : number(outOfDate);
  return `${some} of ${number(total)} Exchange servers in ${where} ${outOfDate > 1 ? "are" : "is"} out of date${rest}.`;
}
