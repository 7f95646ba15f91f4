/** Where a server stands at a moment: what becomes of its mail, and why. */

import { OBSTACLES, reason } from "../../domain/words";
import type { PolicyPreview } from "../../lib/api";
import { OutcomeMark, StateMark } from "../../ui/marks";
import { Rate } from "../../ui/rate";
import { TwoLines } from "../../ui/text";

type Place = PolicyPreview["servers"][number]["before"];

export function PlaceCell({ place: { standing, stage, effect }, stages }: { place: Place; stages: number }) {
  if (!stage || !effect) {
    const state =
      standing?.state === "current" || standing?.state === "out_of_date" ? standing.state : "unknown";
    return <TwoLines first={<StateMark state={state} />} second={standing && reason(standing)} />;
  }
  const where = `stage ${stage.number} of ${stages}`;
  const { obstacle } = effect;
  if (obstacle === null) return <TwoLines first={<Rate minutes={effect} />} second={where} />;
  const label = `all accepted (${OBSTACLES[obstacle]})`;
  return <TwoLines first={<OutcomeMark outcome="accept" label={label} />} second={where} />;
}
