/** What is supposed: the build, what is required, when it was found, pauses, the ladder, the moment. */
import type { ComponentChildren } from "preact";
import { useId, useState } from "preact/hooks";
import { DEFAULT_LADDER, sameLadder } from "../../domain/ladder";
import type { Release } from "../../domain/simulation";
import { addDays, dateOf, day, isDate, localInput, readLocalInput } from "../../lib/time";
import { ExactInput, Field, SelectField, TextField } from "../../ui/form";
import { LadderEditor } from "../../ui/ladder-editor";
import { type Days, type Inputs, PRESETS, type Preset } from "./inputs";

interface Props {
  inputs: Inputs;
  releases: Release[];
  change: (changes: Partial<Inputs>) => void;
}

export function WhatIfForm({ inputs, releases, change }: Props) {
  const list = useId();
  return (
    <form class="supposed" onSubmit={(event) => event.preventDefault()}>
      <Field label="Build">
        {(input) => (
          <>
            <ExactInput
              {...input}
              list={list}
              value={inputs.build}
              onType={(text) => change({ build: text.trim() })}
            />
            <datalist id={list}>
              {releases.map(({ build, product, cu, su }) => (
                <option key={build} value={build}>
                  {[product, cu, su].filter(Boolean).join(" ")}
                </option>
              ))}
            </datalist>
          </>
        )}
      </Field>
      <SelectField
        label="Baseline"
        value={inputs.baseline}
        options={Object.entries(PRESETS).map(([value, name]) => ({ value, name }))}
        onChoose={(baseline) => change({ baseline: baseline as Preset })}
      />
      <Moment label="Found out of date" at={inputs.found} onChange={(found) => change({ found })} />
      <Moment label="Moment looked at" at={inputs.at} onChange={(at) => change({ at })} />
    </form>
  );
}

interface MomentProps {
  label: string;
  at: number;
  onChange: (at: number) => void;
}

/** In the reader's zone. What is no time yet stays with the field. */
function Moment({ label, at, onChange }: MomentProps) {
  return (
    <TextField
      label={label}
      type="datetime-local"
      required
      value={localInput(new Date(at))}
      onType={(text) => {
        const read = readLocalInput(text);
        if (read) onChange(read.getTime());
      }}
    />
  );
}

interface MoreProps {
  inputs: Inputs;
  change: (changes: Partial<Inputs>) => void;
}

/** What is seldom changed. */
export function MoreSupposed({ inputs, change }: MoreProps) {
  const { ladder, pauses, tenant, server } = inputs;
  return (
    <div class="more-supposed">
      <details>
        <summary>
          Pauses <Chosen>{pauses.length === 0 ? "none" : pauses.map(daysInWords).join(", ")}</Chosen>
        </summary>
        <PausesEditor pauses={pauses} found={inputs.found} onChange={(next) => change({ pauses: next })} />
      </details>
      <details>
        <summary>
          Ladder <Chosen>{sameLadder(ladder, DEFAULT_LADDER) ? "Exchange Online's" : "your own"}</Chosen>
        </summary>
        <LadderEditor ladder={ladder} onChange={(next) => next && change({ ladder: next })} />
      </details>
      <details>
        <summary>
          Names <Chosen>{tenant !== "" && server !== "" ? `${server} in ${tenant}` : "none"}</Chosen>
        </summary>
        <div class="supposed">
          <TextField label="Tenant" value={tenant} onType={(text) => change({ tenant: text.trim() })} />
          <TextField
            label="Server"
            hint="As its Received field names it behind “by”"
            value={server}
            onType={(text) => change({ server: text.trim() })}
          />
        </div>
      </details>
    </div>
  );
}

function Chosen({ children }: { children: ComponentChildren }) {
  return <span class="chosen">{children}</span>;
}

function daysInWords({ first, last }: Days): string {
  return first === last ? day(first) : `${day(first)} to ${day(last)}`;
}

interface PausesProps {
  pauses: Days[];
  found: number;
  onChange: (pauses: Days[]) => void;
}

function PausesEditor({ pauses, found, onChange }: PausesProps) {
  const [rows, setRows] = useState(() => pauses.map((pause, key) => ({ ...pause, key })));
  const set = (next: typeof rows) => {
    setRows(next);
    onChange(next.filter(({ first, last }) => isDate(first) && isDate(last) && first <= last));
  };
  const add = () => {
    const last = rows.at(-1)?.last;
    const first = addDays(last && isDate(last) ? last : dateOf(new Date(found)), 35);
    const key = Math.max(-1, ...rows.map((row) => row.key)) + 1;
    set([...rows, { first, last: addDays(first, 6), key }]);
  };
  return (
    <div class="pauses-supposed">
      {rows.map(({ key, first, last }, index) => (
        <fieldset key={key}>
          <legend class="hidden">Pause {index + 1}</legend>
          <label>
            First day{" "}
            <input
              type="date"
              value={first}
              onInput={(event) => {
                const value = event.currentTarget.value;
                set(rows.map((row) => (row.key === key ? { ...row, first: value } : row)));
              }}
            />
          </label>
          <label>
            Last day{" "}
            <input
              type="date"
              value={last}
              aria-invalid={last < first ? "true" : undefined}
              onInput={(event) => {
                const value = event.currentTarget.value;
                set(rows.map((row) => (row.key === key ? { ...row, last: value } : row)));
              }}
            />
          </label>
          <button
            type="button"
            class="quiet"
            aria-label={`Remove pause ${index + 1}`}
            onClick={() => set(rows.filter((row) => row.key !== key))}
          >
            Remove
          </button>
          {last < first && <span class="refusal">The last day lies before the first.</span>}
        </fieldset>
      ))}
      <p class="actions">
        <button type="button" onClick={add} disabled={rows.length >= 20}>
          Add a pause
        </button>
        <span class="hint">Whole days of UTC. The clock stands still meanwhile.</span>
      </p>
    </div>
  );
}
