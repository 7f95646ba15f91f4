/** Below a list that is read by the page: what failed, and the way to what is older. */
import { Failure } from "./notice";

interface Props {
  error: unknown;
  loading: boolean;
  /** Undefined where there is nothing older */
  more: (() => void) | undefined;
  reload: () => void;
}

export function Older({ error, loading, more, reload }: Props) {
  return (
    <>
      {error !== undefined && <Failure error={error} retry={reload} />}
      {more && (
        <p class="actions more">
          <button type="button" onClick={more} disabled={loading} aria-busy={loading}>
            {loading ? "Loading …" : "Show older ones"}
          </button>
        </p>
      )}
    </>
  );
}
