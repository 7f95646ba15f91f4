/** Editions of baselines. */
import { dateOf } from "../lib/time";

/** The newest one whose day has come. */
export function inForce<Edition extends { effective: string }>(editions: Edition[]): Edition | undefined {
  const today = dateOf(new Date());
  return editions
    .filter(({ effective }) => effective <= today)
    .sort((one, other) => (one.effective < other.effective ? 1 : -1))[0];
}
