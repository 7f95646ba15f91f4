/** What a list is narrowed by: a text that is typed, and choices. */
import { useEffect, useRef, useState } from "preact/hooks";
import { number, plural } from "../domain/words";
import { type Place, remember } from "../lib/router";
import { ExactInput } from "./exact-input";
import { Empty } from "./notice";

/** A pause in typing after which the address follows, in milliseconds: browsers limit how often it may. */
const TYPING = 300;

/** A text that changes with every key, and that the address remembers by that name once its writer pauses. */
export function useTyped(place: Place, name: string): [string, (text: string) => void] {
  const remembered = place.query[name] ?? "";
  const [text, setText] = useState(remembered);
  const latest = useRef(place);
  latest.current = place;
  // what was remembered from here is older than what was typed since
  const own = useRef(remembered);
  useEffect(() => {
    if (remembered !== own.current) setText(remembered);
    own.current = remembered;
  }, [remembered]);
  useEffect(() => {
    if (text === remembered) return;
    const timer = setTimeout(() => {
      own.current = text;
      remember(latest.current, { [name]: text });
    }, TYPING);
    return () => clearTimeout(timer);
  }, [text]);
  return [text, setText];
}

/** The words of a search: all have to be found. */
export function wordsOf(search: string): string[] {
  return search.toLowerCase().split(/\s+/).filter(Boolean);
}

interface SearchProps {
  label: string;
  placeholder: string;
  text: string;
  onType: (text: string) => void;
}

export function Search({ label, placeholder, text, onType }: SearchProps) {
  return (
    <label class="grows">
      {label}
      <ExactInput type="search" placeholder={placeholder} value={text} onType={onType} />
    </label>
  );
}

export interface Option<Value extends string = string> {
  value: Value;
  name: string;
  /** How many it would leave */
  count?: number;
}

interface SelectProps<Value extends string> {
  label: string;
  value: Value;
  options: Option<Value>[];
  onChoose: (value: Value) => void;
}

export function Select<Value extends string>({ label, value, options, onChoose }: SelectProps<Value>) {
  return (
    <label>
      {label}
      <select value={value} onChange={(event) => onChoose(event.currentTarget.value as Value)}>
        {options.map(({ value, name, count }) => (
          <option key={value} value={value}>
            {count === undefined ? name : `${name} (${number(count)})`}
          </option>
        ))}
      </select>
    </label>
  );
}

interface FoundProps {
  /** What is counted, in the singular */
  what: string;
  shown: number;
  all: number;
  loading: boolean;
}

/** How many are left of how many, as a sentence goes on. */
export function Found({ what, shown, all, loading }: FoundProps) {
  return (
    <p class="muted" role="status">
      {shown === all ? plural(all, what) : `${number(shown)} of ${plural(all, what)}`}
      {loading && ", more are being loaded …"}
    </p>
  );
}

/** Stands where nothing is left. */
export function NoneLeft({ what, onAll }: { what: string; onAll: () => void }) {
  return (
    <Empty title={`No ${what} is like that.`}>
      <p>
        <button type="button" onClick={onAll}>
          Show all {what}s
        </button>
      </p>
    </Empty>
  );
}
