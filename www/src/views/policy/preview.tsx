/** What saving a policy would do to each server now, and what would change in the policy itself. */
import { useMemo } from "preact/hooks";
import { changes } from "../../domain/changes";
import { type Minutes, number, OBSTACLES, plural, rate, reason } from "../../domain/words";
import type { Policy, PolicyPreview } from "../../lib/api";
import { ApiError } from "../../lib/http";
import { order } from "../../lib/sort";
import { ChangeList } from "../../ui/change-list";
import { Dialog } from "../../ui/dialog";
import { useSending } from "../../ui/form";
import { OutcomeMark, Rate, StateMark } from "../../ui/marks";
import { Refusal } from "../../ui/notice";
import { type Column, Table } from "../../ui/table";
import { Host, Time, TwoLines } from "../../ui/text";

type Row = PolicyPreview["servers"][number];

interface Props {
  tenant: string;
  before: Policy;
  preview: PolicyPreview;
  save: () => Promise<void>;
  /** After somebody else's change */
  reload: () => Promise<void>;
  onClose: () => void;
}

export function PreviewDialog({ tenant, before, preview, save, reload, onClose }: Props) {
  const { policy, counts, servers } = preview;
  const saving = useSending(save);
  const reloading = useSending(reload);
  const rows = useMemo(() => [...servers].sort(worstFirst), [servers]);
  const list = useMemo(() => changes(before, policy), [before, policy]);
  if (saving.error instanceof ApiError && saving.error.status === 412) {
    return (
      <Dialog title="Somebody else changed this policy" onClose={onClose}>
        <p>
          It was changed since you opened it, so yours was not saved. Load it as it is now: your own edits
          stay on top of it, and you see both before you save.
        </p>
        <Refusal error={reloading.error} />
        <p class="actions">
          <button type="button" class="primary" disabled={reloading.busy} onClick={reloading.submit}>
            Load it, and keep my edits
          </button>
          <button type="button" onClick={onClose}>
            Not now
          </button>
        </p>
      </Dialog>
    );
  }
  return (
    <Dialog title="Save this policy?" onClose={onClose} wide>
      <p class="preview-first">{sentence(preview)}</p>
      {rows.some(({ held }) => held) && (
        <p>
          Nothing becomes stricter at once: clocks marked “held back” keep their minutes until their next
          stage.
        </p>
      )}
      {rows.length > 0 && (
        <Table
          caption={`What would change for servers of ${tenant}, the worst first`}
          columns={columns(before, policy)}
          rows={rows}
          rowKey={({ id }) => id}
          whole
        />
      )}
      {counts.changed > rows.length && (
        <p class="muted">
          The first {number(rows.length)} by name are shown, of {number(counts.changed)} that would change.
        </p>
      )}
      <h3>What changes in the policy</h3>
      {list.length > 0 ? <ChangeList list={list} /> : <p>Nothing: what you typed means the same.</p>}
      <Refusal error={saving.error} />
      <p class="actions preview-actions">
        <button type="button" class="primary" disabled={saving.busy} onClick={saving.submit}>
          {saving.busy ? "Saving …" : "Save the policy"}
        </button>
        <button type="button" onClick={onClose}>
          Go on editing
        </button>
      </p>
    </Dialog>
  );
}

/** `10 of 12 servers would stand otherwise: 2 become out of date, 5 lose less mail.` */
function sentence({ counts, servers }: PolicyPreview): string {
  if (counts.servers === 0) return "No server of this tenant has been seen yet, so nothing changes for any.";
  if (counts.changed === 0)
    return `Nothing changes now for ${counts.servers === 1 ? "its one server" : `any of its ${number(counts.servers)} servers`}.`;
  const parts = [
    [servers.filter((row) => turn(row) > 0).length, "lose more mail at once", "loses more mail at once"],
    [servers.filter(fails).length, "become out of date", "becomes out of date"],
    [servers.filter((row) => turn(row) < 0).length, "lose less mail", "loses less mail"],
  ] as const;
  const told = parts
    .filter(([count]) => count > 0)
    .map(([count, many, one]) => `${number(count)} ${count === 1 ? one : many}`);
  const which = `${number(counts.changed)} of ${plural(counts.servers, "server")} would stand otherwise`;
  const what = told.join(", ") || "none of them loses more mail or less at once";
  if (counts.changed <= servers.length) return `${which}: ${what}.`;
  // the counts go over those that are shown
  return `${which}. Of the first ${number(servers.length)} by name ${what}.`;
}

function columns(before: Policy, after: Policy): Column<Row>[] {
  return [
    {
      id: "server",
      label: "Server",
      head: true,
      cell: ({ name, build }) => <TwoLines first={<Host name={name} />} second={build ?? "shows no build"} />,
    },
    {
      id: "before",
      label: "Now",
      cell: (row) => <PlaceCell place={row.before} stages={before.ladder.length} />,
    },
    {
      id: "after",
      label: "With this policy",
      cell: (row) => <PlaceCell place={row.after} stages={after.ladder.length} />,
    },
    { id: "next", label: "Next change then", cell: (row) => <Next row={row} /> },
  ];
}

function Next({ row: { after, held } }: { row: Row }) {
  const next = after.stage?.next;
  if (!after.stage) return null;
  const first = next?.at ? (
    <Time at={next.at} short countdown="beside" />
  ) : next ? (
    "the clock stands still"
  ) : (
    "none, the last stage"
  );
  const second = [next && rate(next), held && "held back"].filter(Boolean).join("; ");
  return <TwoLines first={first} second={second} />;
}

/** Who loses most comes first, and among equals who is up highest. */
function worstFirst(one: Row, other: Row): number {
  return (
    weight(other.after.effect) - weight(one.after.effect) ||
    Number(fails(other)) - Number(fails(one)) ||
    turn(other) - turn(one) ||
    (other.after.stage?.number ?? 0) - (one.after.stage?.number ?? 0) ||
    order(one.id, other.id)
  );
}

/** More than 0: more of its mail is turned away than now. */
function turn({ before, after }: Row): number {
  return weight(after.effect) - weight(before.effect);
}

/** It becomes out of date. */
function fails({ before, after }: Row): boolean {
  return after.standing?.state === "out_of_date" && before.standing?.state !== "out_of_date";
}

/** Rejected minutes before deferred ones */
function weight(effect: Minutes | null): number {
  return effect ? effect.block_minutes * 61 + effect.throttle_minutes : 0;
}

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
