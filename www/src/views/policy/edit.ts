/** The editing of a policy: what is stored, what is typed, what somebody else stored in between. */
import { useMemo, useState } from "preact/hooks";
import type { Policy } from "../../lib/api";
import type { ErrorOf } from "../../ui/form";
import { type Draft, toDraft, toPolicy } from "./draft";
import type { PolicyPage, Stored } from "./view";

/** What the parts of the form need. */
export interface Editing {
  draft: Draft;
  set: (changes: Partial<Draft>) => void;
  /** The API's word on a member, by its name there */
  errorAt: ErrorOf;
}

/** Somebody else's change that came in between. */
export interface Meeting {
  /** What both began with */
  before: Policy;
  theirs: Policy;
  /** Members that both changed: they stay as they were typed here */
  contested: string[];
}

export function usePolicyEdit({ stored: loaded }: PolicyPage) {
  const [stored, setStored] = useState(loaded);
  const [draft, setDraft] = useState(() => toDraft(loaded.policy));
  const [meeting, setMeeting] = useState<Meeting | undefined>();
  // fields that keep what is typed to themselves begin anew with it
  const [round, setRound] = useState(0);
  const begin = (next: Stored, typed: Draft) => {
    setStored(next);
    setDraft(typed);
    setRound((before) => before + 1);
  };
  return {
    stored,
    draft,
    round,
    meeting,
    isDirty: useMemo(() => !same(draft, toDraft(stored.policy)), [draft, stored]),
    set: (changes: Partial<Draft>) => setDraft((before) => ({ ...before, ...changes })),
    /** Begins with what is stored now. */
    adopt: (next: Stored) => {
      setMeeting(undefined);
      begin(next, toDraft(next.policy));
    },
    /** Takes over what somebody else stored, and keeps what was typed on top of it. */
    rebase: (theirs: Stored) => {
      const mine = toPolicy(draft);
      setMeeting({
        before: stored.policy,
        theirs: theirs.policy,
        contested: contested(stored.policy, mine, theirs.policy),
      });
      begin(theirs, toDraft(merge(stored.policy, mine, theirs.policy)));
    },
  };
}

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
