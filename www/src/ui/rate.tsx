/** The minutes of the hour that a stage closes, each outcome by its own sign. */
import { type Minutes, rate } from "../domain/words";
import { OutcomeMark } from "./marks";

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
