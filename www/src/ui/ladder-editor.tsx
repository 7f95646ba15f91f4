/** The ladder, stage by stage: how long each lasts, and how many minutes of the hour it defers and rejects. */
import { useRef, useState } from "preact/hooks";
import {
  DEFAULT_LADDER,
  lengthOf,
  MAX_STAGES,
  type StageDraft,
  sameLadder,
  toDrafts,
  toLadder,
  type Unit,
} from "../domain/ladder";
import type { Ladder } from "../lib/api";
import { exactDuration } from "../lib/time";

interface Props {
  /** Where it begins; another one needs another `key` */
  ladder: Ladder;
  /** `null` while something that is typed is no number */
  onChange: (ladder: Ladder | null) => void;
}

export function LadderEditor({ ladder, onChange }: Props) {
  const [drafts, setDrafts] = useState(() => toDrafts(ladder));
  const adding = useRef<HTMLButtonElement>(null);
  const current = toLadder(drafts);
  const change = (next: StageDraft[]) => {
    setDrafts(next);
    onChange(toLadder(next));
  };
  const edit = (key: number, changes: Partial<StageDraft>) =>
    change(drafts.map((draft) => (draft.key === key ? { ...draft, ...changes } : draft)));
  const add = () => {
    const last = drafts.at(-1);
    if (!last) return;
    const before = drafts.at(-2) ?? { ...last, length: "10", unit: "days" as const };
    const key = Math.max(...drafts.map((draft) => draft.key)) + 1;
    change([...drafts.slice(0, -1), { ...before, key }, last]);
  };
  const remove = (key: number) => {
    change(drafts.filter((draft) => draft.key !== key));
    // the button that had the focus is gone
    adding.current?.focus();
  };
  return (
    <div class="ladder">
      <ol class="ladder-stages">
        {drafts.map((draft, index) => (
          <StageFields
            key={draft.key}
            draft={draft}
            number={index + 1}
            starts={startOf(drafts, index)}
            isLast={index === drafts.length - 1}
            edit={(changes) => edit(draft.key, changes)}
            remove={drafts.length > 1 ? () => remove(draft.key) : undefined}
          />
        ))}
      </ol>
      <p class="actions">
        <button ref={adding} type="button" onClick={add} disabled={drafts.length >= MAX_STAGES}>
          Add a stage
        </button>
        {!(current && sameLadder(current, DEFAULT_LADDER)) && (
          <button type="button" onClick={() => change(toDrafts(DEFAULT_LADDER))}>
            Back to the default
          </button>
        )}
      </p>
    </div>
  );
}

interface FieldsProps {
  draft: StageDraft;
  number: number;
  starts: string;
  isLast: boolean;
  edit: (changes: Partial<StageDraft>) => void;
  remove: (() => void) | undefined;
}

function StageFields({ draft, number, starts, isLast, edit, remove }: FieldsProps) {
  return (
    <li>
      <fieldset class="ladder-stage">
        <legend>
          Stage {number} <span class="muted">{starts}</span>
        </legend>
        {isLast ? (
          <p class="ladder-lasts muted">Lasts for good</p>
        ) : (
          <div class="ladder-lasts">
            <label>
              <span>Lasts</span>{" "}
              <input
                type="number"
                required
                min="1"
                max={draft.unit === "days" ? 3660 : 5_270_400}
                value={draft.length}
                onInput={(event) => edit({ length: event.currentTarget.value })}
              />
            </label>
            <select
              aria-label={`Unit of stage ${number}`}
              value={draft.unit}
              onChange={(event) => edit({ unit: event.currentTarget.value as Unit })}
            >
              <option value="days">days</option>
              <option value="minutes">minutes</option>
            </select>
          </div>
        )}
        <MinutesField label="Deferred" value={draft.throttle} edit={(throttle) => edit({ throttle })} />
        <MinutesField label="Rejected" value={draft.block} edit={(block) => edit({ block })} />
        {remove && (
          <button type="button" class="quiet" aria-label={`Remove stage ${number}`} onClick={remove}>
            Remove
          </button>
        )}
      </fieldset>
    </li>
  );
}

interface MinutesProps {
  label: string;
  value: string;
  edit: (value: string) => void;
}

function MinutesField({ label, value, edit }: MinutesProps) {
  return (
    <label>
      <span>{label} min/h</span>{" "}
      <input
        type="number"
        required
        min="0"
        max="60"
        value={value}
        onInput={(event) => edit(event.currentTarget.value)}
      />
    </label>
  );
}

/** `from day 30`, as far as it is known */
function startOf(drafts: StageDraft[], index: number): string {
  let minutes = 0;
  for (const draft of drafts.slice(0, index)) {
    const length = lengthOf(draft);
    if (length === null) return "";
    minutes += length;
  }
  const days = minutes / (24 * 60);
  return Number.isInteger(days) ? `from day ${days}` : `after ${exactDuration(minutes * 60_000)}`;
}
