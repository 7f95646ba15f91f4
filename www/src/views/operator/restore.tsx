/** Puts an earlier version of the catalog or of a baseline in force again, having shown what it holds. */
import { useState } from "preact/hooks";
import { inForce } from "../../domain/baselines";
import { plural } from "../../domain/words";
import type { Baseline, BaselineVersion, CatalogVersion } from "../../lib/api";
import { useSession } from "../../lib/auth";
import { ApiError, value } from "../../lib/http";
import { useResource } from "../../lib/resource";
import { day } from "../../lib/time";
import { Await } from "../../ui/await";
import { FormDialog } from "../../ui/dialog";
import { SelectField, TextField } from "../../ui/form";
import { Time } from "../../ui/text";
import { contents } from "./catalog";

/** What has versions: the catalog, or a baseline. */
export type Fact = { kind: "catalog"; version: number } | { kind: "baseline"; name: string; version: number };

interface Props {
  fact: Fact;
  onClose: () => void;
  onDone: (version: string) => void;
}

/** So many are kept of each. */
const KEPT = 20;

export function Restore({ fact, onClose, onDone }: Props) {
  const { api } = useSession();
  const versions = candidates(fact.version);
  const [version, setVersion] = useState(versions[0] ?? 1);
  const choose = (text: string) => setVersion(Math.trunc(Number(text)) || 0);
  const query = { version };
  const loaded = useResource<CatalogVersion | BaselineVersion | null>(
    `version ${nameOf(fact)} ${version}`,
    async ({ signal }) => {
      try {
        if (fact.kind === "catalog")
          return await value(api.GET("/v1/catalog", { params: { query }, signal }));
        const path = { baseline: fact.name };
        return await value(api.GET("/v1/baselines/{baseline}", { params: { path, query }, signal }));
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) return null;
        throw error;
      }
    },
  );
  const send = async () => {
    const header = { "If-Match": `"${fact.version}"` };
    if (fact.kind === "catalog") await api.PUT("/v1/catalog", { params: { header, query } });
    else {
      const path = { baseline: fact.name };
      await api.PUT("/v1/baselines/{baseline}", { params: { header, path, query } });
    }
    onDone(versionName(version));
  };
  return (
    <FormDialog
      title={`${nameOf(fact)}: go back`}
      deed="Put it in force"
      doing="Going back …"
      disabled={loaded.value?.version !== version}
      danger
      send={send}
      onClose={onClose}
    >
      <p>{`In force is ${versionName(fact.version)}.`}</p>
      {versions.length > 0 ? (
        <SelectField
          label="Go back to"
          value={`${version}`}
          options={versions.map((each) => ({
            value: `${each}`,
            name: `${versionName(each)}${each === fact.version - 1 && each > 0 ? ", the previous one" : ""}`,
          }))}
          onChoose={choose}
        />
      ) : (
        <TextField
          label="Version"
          hint={`Of what was put there, the newest ${KEPT} are kept.`}
          type="number"
          min="1"
          required
          value={version}
          onType={(text) => choose(text)}
        />
      )}
      <div aria-live="polite" aria-busy={loaded.loading}>
        <Await of={loaded} what={versionName(version)}>
          {(found) =>
            found === null ? (
              <p class="refusal">There is no such version, or it is kept no more.</p>
            ) : (
              <p>
                {"catalog" in found ? contents(found.catalog) : editions(found.baseline)}
                {found.updated_at !== null && (
                  <span class="muted">
                    {" "}
                    Put in force on <Time at={found.updated_at} />.
                  </span>
                )}
              </p>
            )
          }
        </Await>
      </div>
      <p>
        All tenants are judged by it within 90 seconds. A server that is out of date already is treated no
        more strictly before its next stage; one that becomes acceptable is free at once.
      </p>
    </FormDialog>
  );
}

export function nameOf(fact: Fact): string {
  return fact.kind === "catalog" ? "Catalog" : `Baseline ${fact.name}`;
}

/** `version 3`; `the built-in version` */
function versionName(version: number): string {
  return version === 0 ? "the built-in version" : `version ${version}`;
}

/** The previous one first, the built-in one last. Before that one none is known by number. */
function candidates(version: number): number[] {
  if (version === 0) return [];
  const earlier = Array.from({ length: KEPT - 1 }, (_, index) => version - 1 - index);
  return [...earlier.filter((each) => each > 0), 0];
}

function editions({ editions }: Baseline): string {
  const current = inForce(editions);
  const told = current ? `; in force is the one of ${day(current.effective)}` : "; none is in force yet";
  return `${plural(editions.length, "edition")}${told}.`;
}
