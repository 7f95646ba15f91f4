/** Which minutes of the hour are closed to a server, or will be. */
import { useMemo } from "preact/hooks";
import { loadSimulator } from "../../domain/simulation";
import type { Minutes } from "../../domain/words";
import { useResource } from "../../lib/resource";
import { useNow } from "../../lib/time";
import { HourChart } from "../../ui/chart/hour";
import { Time } from "../../ui/text";
import type { ServerPage } from "./load";

const HOUR = 3_600_000;

interface Closed {
  minutes: Minutes;
  /** From then on; null: now */
  from: string | null;
  /** Mail is accepted all the same */
  would: boolean;
}

export function Window({ tenant, page }: { tenant: string; page: ServerPage }) {
  const closed = closedMinutes(page);
  return closed && <Shown tenant={tenant} server={page.server.id} closed={closed} />;
}

function Shown({ tenant, server, closed }: { tenant: string; server: string; closed: Closed }) {
  const { minutes, from, would } = closed;
  const { value: simulator, error } = useResource("simulator", loadSimulator, { refresh: false });
  const now = useNow();
  const start = Math.floor(now.getTime() / HOUR) * HOUR;
  const hour = useMemo(
    () => simulator?.hour(minutes, tenant, server, start),
    [simulator, minutes.throttle_minutes, minutes.block_minutes, tenant, server, start],
  );
  if (error !== undefined)
    return <p class="hint">Its minutes of the hour cannot be shown: the engine could not be loaded.</p>;
  if (!hour) return null;
  return (
    <section aria-labelledby="window">
      <h2 id="window">
        {from === null ? (
          "Its minutes, each hour"
        ) : (
          <>
            Its minutes each hour, from <Time at={from} short />
          </>
        )}
      </h2>
      <HourChart
        actions={hour.actions}
        start={hour.start}
        would={would}
        now={from === null ? now : undefined}
      />
      <p class="hint">
        Each server has its own minutes, so that not all close at once. What is deferred may be tried again:
        it goes through in an open minute.
      </p>
    </section>
  );
}

/** Of its stage; while that closes none, of the next one. `null` where all minutes are the same. */
function closedMinutes({ server }: ServerPage): Closed | null {
  const { stage, effect } = server;
  if (!stage || !effect) return null;
  const would = effect.obstacle !== null;
  if (isPartly(stage)) return { minutes: stage, from: null, would };
  const next = stage.next;
  if (next?.at && isPartly(next)) return { minutes: next, from: next.at, would: true };
  return null;
}

function isPartly({ throttle_minutes, block_minutes }: Minutes): boolean {
  return throttle_minutes + block_minutes > 0 && throttle_minutes < 60 && block_minutes < 60;
}
