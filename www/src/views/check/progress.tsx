/** How far a check has come, and how to stop it. */
import { plural } from "../../domain/words";
import type { Check } from "./checker";
import { bytes, rate, secondsLeft } from "./size";

export function ReadSoFar({ check, onStop }: { check: Check; onStop: () => void }) {
  const { source, progress, took } = check;
  const share = source.size > 0 ? progress.bytes / source.size : 0;
  return (
    <div class="check-reading">
      <div class="check-bar">
        <progress aria-label="Read so far" max={1} value={share} />
        <button type="button" onClick={onStop}>
          Cancel
        </button>
      </div>
      <p class="check-figures">
        <span>
          {Math.floor(share * 100)}%: {bytes(progress.bytes)} of {bytes(source.size)}
        </span>
        {took > 500 && (
          <>
            <span>{rate(progress.bytes, took)}</span>
            <span>{secondsLeft(source.size - progress.bytes, progress.bytes, took)}</span>
          </>
        )}
        <span>{plural(progress.messages, "message")}</span>
        <span>{plural(check.result?.servers.length ?? 0, "Exchange server")}</span>
      </p>
    </div>
  );
}
