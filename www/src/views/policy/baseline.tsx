/** Which baseline tells what builds are acceptable: one by name, or the tenant's own, typed as JSON. */
import { useState } from "preact/hooks";
import { inForce } from "../../domain/baselines";
import type { Baseline, BaselineVersion, Catalog } from "../../lib/api";
import { useSession } from "../../lib/auth";
import { value } from "../../lib/http";
import { useResource } from "../../lib/resource";
import { Await } from "../../ui/await";
import { Editions } from "../../ui/editions";
import { Field, SelectField, useSending } from "../../ui/form";
import { Refusal } from "../../ui/notice";
import type { Editing } from "./edit";
import type { PolicyPage } from "./view";

/** Stands for the tenant's own in the choice: no name of a baseline. */
const OWN = "";

interface Props extends Editing {
  page: PolicyPage;
}

export function BaselineField({ page, draft, set, errorAt }: Props) {
  const { api } = useSession();
  const { baseline } = draft;
  const stored = page.stored.policy.baseline;
  const start = useSending(async () => {
    const own = typeof stored === "string" ? await copyOf(stored) : stored;
    set({ baseline: { kind: "own", text: JSON.stringify(own, null, 2) } });
  });
  /** Of a named one what applies now, and what is to come. */
  const copyOf = async (name: string): Promise<Baseline> => {
    const { baseline } = await value(
      api.GET("/v1/baselines/{baseline}", { params: { path: { baseline: name } } }),
    );
    const since = inForce(baseline.editions)?.effective ?? "";
    return { name: "own", editions: baseline.editions.filter(({ effective }) => effective >= since) };
  };
  const error = errorAt("baseline");
  return (
    <>
      <SelectField
        label="Baseline"
        hint="Which builds are acceptable, by product and date."
        error={baseline.kind === "named" ? error : undefined}
        value={baseline.kind === "named" ? baseline.name : OWN}
        options={[
          ...page.baselines.map((value) => ({ value, name: PRESETS[value] ?? value })),
          { value: OWN, name: "this tenant's own …" },
        ]}
        onChoose={(name) => (name === OWN ? start.submit() : set({ baseline: { kind: "named", name } }))}
      />
      <Refusal error={start.error} />
      {baseline.kind === "named" && (
        <BaselineShown key={baseline.name} name={baseline.name} catalog={page.catalog} />
      )}
      {baseline.kind === "own" && (
        <OwnBaseline
          page={page}
          text={baseline.text}
          onChange={(text) => set({ baseline: { kind: "own", text } })}
          error={error}
        />
      )}
    </>
  );
}

const PRESETS: Record<string, string> = {
  microsoft: "microsoft: what Microsoft requires",
  strict: "strict: end of support, and security updates within a set time",
};

interface OwnProps {
  page: PolicyPage;
  text: string;
  onChange: (text: string) => void;
  error: string | undefined;
}

function OwnBaseline({ page: { catalog }, text, onChange, error }: OwnProps) {
  return (
    <>
      <Field label="The tenant's own baseline" error={error}>
        {(input) => (
          <textarea
            {...input}
            ref={(area) => area?.setCustomValidity(notJson(text))}
            class="code"
            rows={18}
            wrap="off"
            spellcheck={false}
            value={text}
            onInput={(event) => onChange(event.currentTarget.value)}
          />
        )}
      </Field>
      <details class="baseline">
        <summary>How a baseline is written</summary>
        <p>
          Of its editions the newest whose day <code>effective</code> has come applies. Each says for
          products, by the catalog's names, what they require:
        </p>
        <ul>
          <li>
            <code>{'{"minimum": ["15.1.2507.61"]}'}</code>: the lowest accepted build of each accepted
            cumulative update;
          </li>
          <li>
            <code>{'{"max_lag_days": 60}'}</code>: out of date once a newer security update has been public
            for so long;
          </li>
          <li>
            <code>"unsupported"</code>: always out of date.
          </li>
        </ul>
        <p>
          A product that is not named is accepted. With <code>"unsupported_after_end_of_support": true</code>{" "}
          whatever is out of support is out of date.
        </p>
        <p>Products: {catalog.products.map(({ name }) => name).join(", ")}.</p>
      </details>
    </>
  );
}

/** Empty where it is. */
function notJson(text: string): string {
  try {
    JSON.parse(text);
    return "";
  } catch (error) {
    return `This is not JSON: ${error instanceof Error ? error.message : error}`;
  }
}

interface ShownProps {
  name: string;
  catalog: Catalog;
}

/** One of those that policies may name, fetched when it is opened. */
export function BaselineShown({ name, catalog }: ShownProps) {
  const [open, setOpen] = useState(false);
  return (
    <details class="baseline" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>What {name} requires</summary>
      {open && <Named name={name} catalog={catalog} />}
    </details>
  );
}

function Named({ name, catalog }: ShownProps) {
  const { api } = useSession();
  const named = useResource<BaselineVersion>(
    `baseline ${name}`,
    ({ signal }) =>
      value(api.GET("/v1/baselines/{baseline}", { params: { path: { baseline: name } }, signal })),
    { refresh: false },
  );
  return (
    <Await of={named} what="the baseline">
      {({ baseline }) => <Editions baseline={baseline} catalog={catalog} />}
    </Await>
  );
}
