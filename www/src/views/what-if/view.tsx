/** What if: a server that is supposed, climbing a ladder that is supposed. All of it stands in the address. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { loadSimulator, type Simulation, type Simulator } from "../../domain/simulation";
import { useResource } from "../../lib/resource";
import { type Query, updateQuery, type ViewProps } from "../../lib/router";
import { Wrong } from "../../ui/form";
import { Empty, Loading } from "../../ui/notice";
import { Title } from "../../ui/text";
import { MoreSupposed, WhatIfForm } from "./form";
import { type Inputs, readInputs, writeInputs } from "./inputs";
import { freezeOf, Result } from "./result";

/** What is typed reaches the address when it rests for so long. */
const REST = 400;

export function WhatIfView({ place }: ViewProps) {
  const { inputs, round, change } = useInputs(place);
  const { value: simulator, error, reload } = useResource("simulator", loadSimulator, { refresh: false });
  return (
    <>
      <Title title="What if" />
      <p class="muted">
        When would a server's mail be deferred and rejected? Nothing that you enter leaves your browser.
      </p>
      <WhatIfForm
        key={`form ${round}`}
        inputs={inputs}
        releases={simulator?.releases ?? []}
        change={change}
      />
      <MoreSupposed key={`more ${round}`} inputs={inputs} change={change} />
      {error !== undefined && (
        <Empty title="The engine could not be loaded.">
          <p>Tidegate may be out of reach, or your browser may not run WebAssembly.</p>
          <p>
            <button type="button" onClick={reload}>
              Try again
            </button>
          </p>
        </Empty>
      )}
      {simulator === undefined && error === undefined && <Loading what="the engine" />}
      {simulator && <Outcome simulator={simulator} inputs={inputs} onPick={(at) => change({ at })} />}
    </>
  );
}

interface OutcomeProps {
  simulator: Simulator;
  inputs: Inputs;
  onPick: (at: number) => void;
}

/** What cannot be is refused in words, above the last that could. */
function Outcome({ simulator, inputs, onPick }: OutcomeProps) {
  const result = useMemo(() => attempt(simulator, inputs), [simulator, inputs]);
  const last = useRef<{ inputs: Inputs; simulation: Simulation } | undefined>(undefined);
  if ("simulation" in result) last.current = { inputs, simulation: result.simulation };
  return (
    <>
      {"refused" in result && <Wrong text={result.refused} />}
      {last.current && <Result {...last.current} onPick={onPick} />}
    </>
  );
}

function attempt(simulator: Simulator, inputs: Inputs): { simulation: Simulation } | { refused: string } {
  try {
    return { simulation: simulator.simulate({ ...inputs, freezes: inputs.pauses.map(freezeOf) }) };
  } catch (error) {
    return { refused: error instanceof Error ? error.message : `${error}` };
  }
}

/** What is supposed, kept in the address; another address is followed, with a new `round` for what the form holds. */
function useInputs(place: ViewProps["place"]) {
  const [round, setRound] = useState(0);
  const [inputs, setInputs] = useState(() => readInputs(place.query, Date.now()));
  const shown = useRef(place.query);
  useEffect(() => {
    const timer = setTimeout(() => {
      const query = writeInputs(inputs);
      shown.current = query;
      updateQuery(place, query);
    }, REST);
    return () => clearTimeout(timer);
  }, [inputs]);
  useEffect(() => {
    if (same(place.query, shown.current)) return;
    // the way here that the head of the page offers supposes nothing else
    if (Object.keys(place.query).length === 0) return updateQuery(place, shown.current);
    shown.current = place.query;
    setInputs(readInputs(place.query, Date.now()));
    setRound((before) => before + 1);
  }, [place.query]);
  const change = (changes: Partial<Inputs>) => setInputs((before) => ({ ...before, ...changes }));
  return { inputs, round, change };
}

/** Empty values count as none. */
function same(one: Query, other: Query): boolean {
  return [...new Set([...Object.keys(one), ...Object.keys(other)])].every(
    (name) => (one[name] ?? "") === (other[name] ?? ""),
  );
}
