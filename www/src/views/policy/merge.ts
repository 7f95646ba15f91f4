/** Brings together what two people made of one policy. */
import type { Policy } from "../../lib/api";

/** Members whose own members are changed one by one. */
const COMPOSED = ["waves", "reply"] as const;

/** `theirs`, with what `mine` changed of `base`. Where both changed the same, mine stays. */
export function merge(base: Policy, mine: Policy, theirs: Policy): Policy {
  const merged = mergeMembers(base, mine, theirs);
  for (const name of COMPOSED) {
    Object.assign(merged, { [name]: mergeMembers(base[name], mine[name], theirs[name]) });
  }
  return merged;
}

function mergeMembers<T extends object>(base: T, mine: T, theirs: T): T {
  const merged = { ...theirs };
  for (const name of new Set([...Object.keys(base), ...Object.keys(mine)]) as Set<keyof T>) {
    if (same(mine[name], base[name])) continue;
    if (name in mine) merged[name] = mine[name];
    else delete merged[name];
  }
  return merged;
}

/** Members that `one` and `other` both changed of `base`, each to something else. */
export function contested(base: Policy, one: Policy, other: Policy): string[] {
  const names = Object.keys(base) as (keyof Policy)[];
  return names.filter(
    (name) => !same(one[name], base[name]) && !same(other[name], base[name]) && !same(one[name], other[name]),
  );
}

export function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
