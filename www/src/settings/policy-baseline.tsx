/** Which baseline tells what builds are acceptable. */
import { Field } from "../ui/form";
import { BaselineShown } from "./baseline-shown";
import type { Editing } from "./policy-edit";
import type { PolicyPage } from "./policy-load";

const OWN = "";

interface Props extends Editing {
  page: PolicyPage;
}

export function BaselineField({ page, draft, set, errorAt }: Props) {
  const { baseline } = draft;
  const own = page.stored.policy.baseline;
  return (
    <>
      <Field
        label="Baseline"
        hint="Which builds are acceptable, by product and date."
        error={baseline.kind === "named" ? errorAt("baseline") : undefined}
      >
        {(input) => (
          <select
            {...input}
            value={baseline.kind === "named" ? baseline.name : OWN}
            onChange={(event) => {
              const name = event.currentTarget.value;
              if (name !== OWN) set({ baseline: { kind: "named", name } });
              else if (typeof own !== "string")
                set({ baseline: { kind: "own", text: JSON.stringify(own, null, 2) } });
            }}
          >
            {page.baselines.map((name) => (
              <option key={name} value={name}>
                {PRESETS[name] ?? name}
              </option>
            ))}
            {typeof own !== "string" && <option value={OWN}>this tenant's own</option>}
          </select>
        )}
      </Field>
      {baseline.kind === "named" && (
        <BaselineShown key={baseline.name} name={baseline.name} catalog={page.catalog} />
      )}
    </>
  );
}

export const PRESETS: Record<string, string> = {
  microsoft: "microsoft: what Microsoft requires",
  strict: "strict: end of support, and security updates within a set time",
};
