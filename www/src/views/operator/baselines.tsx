/** The baselines that policies may name, each with its editions beneath. */

import { inForce } from "../../domain/baselines";
import type { BaselineVersion } from "../../lib/api";
import { dateOf, day } from "../../lib/time";
import { Editions } from "../../ui/editions";
import { type Column, Table } from "../../ui/table";
import { Time } from "../../ui/text";
import type { AllFacts } from "./facts";
import type { Fact } from "./restore";

interface Props {
  facts: AllFacts;
  onRestore: ((fact: Fact) => void) | undefined;
}

export function BaselineTable({ facts: { catalog, baselines }, onRestore }: Props) {
  return (
    <section class="part facts-part" aria-labelledby="baselines">
      <h2 id="baselines">Baselines</h2>
      <p class="muted">A policy names one of them; it says which builds are acceptable.</p>
      <Table
        caption="Baselines"
        columns={columns(onRestore)}
        rows={baselines}
        rowKey={({ baseline }) => baseline.name}
        detail={({ baseline }) => <Editions baseline={baseline} catalog={catalog.catalog} />}
      />
    </section>
  );
}

function columns(onRestore: Props["onRestore"]): Column<BaselineVersion>[] {
  const shown: (Column<BaselineVersion> | false)[] = [
    { id: "name", label: "Name", head: true, cell: ({ baseline }) => baseline.name },
    {
      id: "version",
      label: "Version",
      cell: ({ version, updated_at }) =>
        updated_at === null ? (
          "built in"
        ) : (
          <>
            {version}, of <Time at={updated_at} />
          </>
        ),
    },
    {
      id: "edition",
      label: "Edition in force",
      cell: ({ baseline }) => {
        const edition = inForce(baseline.editions);
        return edition ? `of ${day(edition.effective)}` : <span class="muted">none yet</span>;
      },
    },
    {
      id: "next",
      label: "Next edition",
      cell: ({ baseline }) => {
        const next = baseline.editions
          .map(({ effective }) => effective)
          .filter((effective) => effective > dateOf(new Date()))
          .sort()[0];
        return next && day(next);
      },
    },
    onRestore !== undefined && {
      id: "actions",
      label: "Actions",
      cell: ({ baseline: { name }, version }) => (
        <div class="actions">
          <button
            type="button"
            class="quiet"
            aria-label={
              version === 0 ? `Another version of ${name}` : `Go back to an earlier version of ${name}`
            }
            onClick={() => onRestore({ kind: "baseline", name, version })}
          >
            {version === 0 ? "Another version" : "Go back"}
          </button>
        </div>
      ),
    },
  ];
  return shown.filter((column) => column !== false);
}
