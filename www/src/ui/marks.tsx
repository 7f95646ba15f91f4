/** The signs for outcomes and standings: a shape and a word each, so that colour is never the only one. */
import { type Minutes, OUTCOMES, type Outcome, rate, STATES } from "../domain/words";
import type { State } from "../lib/api";

export function OutcomeMark({ outcome, label = OUTCOMES[outcome] }: { outcome: Outcome; label?: string }) {
  return (
    <span class={`mark mark-${outcome}`}>
      <svg class="mark-shape" viewBox="0 0 12 12" aria-hidden="true" focusable="false">
        {shape(outcome)}
      </svg>
      {label}
    </span>
  );
}

function shape(outcome: Outcome) {
  switch (outcome) {
    case "accept":
      return <circle cx="6" cy="6" r="4.5" />;
    case "defer":
      return <path d="M6 1 11.4 10.6H.6z" />;
    case "would_defer":
      return <path d="M6 1.8 11 10.3H1zM3.7 10.3 7.3 4.1M6.9 10.3 9 6.9" />;
    case "reject":
      return <rect x="1.5" y="1.5" width="9" height="9" />;
    case "would_reject":
      return <path d="M1.5 1.5h9v9h-9zM1.5 7.5l6-6M1.5 10.5l9-9M4.5 10.5l6-6" />;
  }
}

export function StateMark({ state }: { state: State }) {
  return <span class={`state state-${state}`}>{STATES[state]}</span>;
}

interface Props {
  minutes: Minutes;
  /** Nothing is enforced */
  would?: boolean;
  words?: (minutes: Minutes) => string;
}

export function Rate({ minutes: { throttle_minutes, block_minutes }, would, words = rate }: Props) {
  if (throttle_minutes === 0 && block_minutes === 0)
    return <OutcomeMark outcome="accept" label="all accepted" />;
  return (
    <span class="two">
      {throttle_minutes > 0 && (
        <OutcomeMark
          outcome={would ? "would_defer" : "defer"}
          label={words({ throttle_minutes, block_minutes: 0 })}
        />
      )}
      {block_minutes > 0 && (
        <OutcomeMark
          outcome={would ? "would_reject" : "reject"}
          label={words({ throttle_minutes: 0, block_minutes })}
        />
      )}
    </span>
  );
}
