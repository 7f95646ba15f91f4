/** What is left to the tenant's own operators: set by an admin, shown to others. */

import { MAX_DAYS } from "../../domain/pauses";
import { plural } from "../../domain/words";
import { CheckboxGroup, TextField } from "../../ui/form";
import type { Right } from "./draft";
import type { Editing } from "./edit";

export const RIGHTS: { value: Right; name: string; meaning: string }[] = [
  { value: "exempt", name: "Exempt servers", meaning: "For a year at most, with a reason." },
  { value: "policy", name: "Change this policy", meaning: "But for what stands here." },
];

export function AdminFields({ admin, draft, set, errorAt }: Editing & { admin: boolean }) {
  if (!admin) {
    const rights = RIGHTS.filter(({ value }) => draft.delegated.includes(value));
    const also = rights.map(({ name }) => name.toLowerCase()).join(", ");
    return (
      <p>
        They may pause enforcement for {plural(Number(draft.pauseDays), "day")} a year
        {also && `, and: ${also}`}. An admin sets that.
      </p>
    );
  }
  return (
    <>
      <TextField
        label="Days of pause a year"
        hint="A lower number leaves what was granted."
        error={errorAt("pause_days_per_year")}
        class="short"
        type="number"
        required
        min="0"
        max={MAX_DAYS}
        value={draft.pauseDays}
        onType={(text) => set({ pauseDays: text })}
      />
      <CheckboxGroup
        legend="Also left to them"
        choices={RIGHTS}
        chosen={draft.delegated}
        onChange={(delegated) => set({ delegated })}
        error={errorAt("delegated")}
      />
    </>
  );
}
