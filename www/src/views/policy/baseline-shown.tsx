/** What a baseline requires, for who wants to know. */
import { useState } from "preact/hooks";
import type { Baseline, Catalog } from "../../lib/api";
import { useSession } from "../../lib/auth";
import { path } from "../../lib/http";
import { useLoad } from "../../lib/resource";
import { Editions } from "../../ui/editions";
import { Failure, Loading } from "../../ui/notice";

interface Props {
  name: string;
  catalog: Catalog;
}

/** One of those that policies may name, fetched when it is opened. */
export function BaselineShown({ name, catalog }: Props) {
  const [open, setOpen] = useState(false);
  return (
    <details class="baseline" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>What {name} requires</summary>
      {open && <Named name={name} catalog={catalog} />}
    </details>
  );
}

function Named({ name, catalog }: Props) {
  const { api } = useSession();
  const { value, error, reload } = useLoad<{ baseline: Baseline }>(
    (signal) => api.get(path`/v1/baselines/${name}`, { signal }),
    [api, name],
  );
  if (value) return <Editions baseline={value.baseline} catalog={catalog} />;
  return error === undefined ? <Loading what="the baseline" /> : <Failure error={error} retry={reload} />;
}
