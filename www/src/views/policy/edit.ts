/** The editing of a policy: what is stored, what is typed, what is wrong with it. */
import { useMemo, useState } from "preact/hooks";
import type { Policy } from "../../lib/api";
import { ApiError } from "../../lib/http";
import { type Draft, toDraft, toPolicy } from "./draft";
import { type Faults, faultsOf } from "./faults";
import type { PolicyPage, Stored } from "./load";
import { contested, merge, same } from "./merge";

/** What the parts of the form need. */
export interface Editing {
  draft: Draft;
  set: (changes: Partial<Draft>) => void;
  /** What is wrong with a member, by the API's name for it */
  errorAt: (member: string) => string | undefined;
}

/** Somebody else's change that came in between. */
export interface Meeting {
  /** What both began with */
  before: Policy;
  theirs: Policy;
  /** Members that both changed: they stay as they were typed here */
  contested: string[];
}

export function usePolicyEdit({ stored: loaded, catalog }: PolicyPage) {
  const [stored, setStored] = useState(loaded);
  const [draft, setDraft] = useState(() => toDraft(loaded.policy));
  const [meeting, setMeeting] = useState<Meeting | undefined>();
  // fields that keep what is typed to themselves begin anew with it
  const [round, setRound] = useState(0);
  const faults: Faults = useMemo(() => faultsOf(draft, catalog), [draft, catalog]);
  const begin = (next: Stored, typed: Draft) => {
    setStored(next);
    setDraft(typed);
    setRound((before) => before + 1);
  };
  return {
    stored,
    draft,
    round,
    faults,
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

/** The API's word on `member`, or on a part of it. */
export function wordOn(error: unknown, member: string): string | undefined {
  if (!(error instanceof ApiError) || error.field === null) return undefined;
  const { field } = error;
  const concerns = field === member || field.startsWith(`${member}.`) || field.startsWith(`${member}[`);
  return concerns ? error.message : undefined;
}
