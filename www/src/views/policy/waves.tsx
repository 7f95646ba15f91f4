/** From when on each product is enforced. */
import { useId } from "preact/hooks";
import type { Catalog } from "../../lib/api";
import { day } from "../../lib/time";
import { Wrong } from "../../ui/form";
import type { Wave } from "./draft";
import type { Editing } from "./edit";

type Product = Catalog["products"][number];

interface Props extends Editing {
  products: Product[];
}

export function Waves({ products, ...editing }: Props) {
  const newestFirst = [...products].reverse();
  const matters = ({ name, wave, cumulative_updates }: Product) =>
    wave || cumulative_updates || name in editing.draft.waves;
  const older = newestFirst.filter((product) => !matters(product));
  return (
    <>
      <p class="muted">
        Before that day, and without one, its servers are reported and their clocks do not run.
      </p>
      {newestFirst.filter(matters).map((product) => (
        <WaveField key={product.name} product={product} {...editing} />
      ))}
      {older.length > 0 && (
        <details>
          <summary>Older products</summary>
          {older.map((product) => (
            <WaveField key={product.name} product={product} {...editing} />
          ))}
        </details>
      )}
      <Wrong text={editing.errorAt("waves")} />
    </>
  );
}

function WaveField({ product, draft, set, errorAt }: Editing & { product: Product }) {
  const id = useId();
  const { name } = product;
  const wave = draft.waves[name] ?? { from: "default" };
  const error = errorAt(`waves.${name}`);
  const change = (next: Wave) => {
    const { [name]: _, ...others } = draft.waves;
    set({ waves: next.from === "default" ? others : { ...others, [name]: next } });
  };
  return (
    <div class="wave">
      <label for={id}>{name}</label>
      <select
        id={id}
        value={wave.from}
        onChange={(event) => {
          const from = event.currentTarget.value as Wave["from"];
          change(from === "day" ? { from, day: product.wave ?? "" } : { from });
        }}
      >
        <option value="default">default: {byDefault(product)}</option>
        <option value="day">from a day on …</option>
        <option value="never">never</option>
      </select>
      {wave.from === "day" && (
        <input
          type="date"
          required
          aria-label={`First day on which ${name} is enforced`}
          aria-invalid={error ? "true" : undefined}
          aria-describedby={error ? `${id}-error` : undefined}
          value={wave.day}
          onInput={(event) => change({ from: "day", day: event.currentTarget.value })}
        />
      )}
      <Wrong id={`${id}-error`} text={error} />
    </div>
  );
}

export function byDefault({ wave }: Product): string {
  return wave ? `from ${day(wave)}` : "never";
}
