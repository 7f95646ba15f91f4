/** The editing of a policy: what is stored, what is typed, what somebody else stored in between. */
import { useMemo, useState } from "preact/hooks";
import type { Policy } from "../../lib/api";
import type { ErrorOf } from "../../ui/form";
import { type Draft, toDraft, toPolicy } from "./draft";
import { contested, merge, same } from "./merge";
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
