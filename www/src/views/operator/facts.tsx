/** By what all tenants are judged: the catalog of releases, and the baselines that policies may name. */
import { useState } from "preact/hooks";
import { rights, useSession } from "../../lib/auth";
import { useLoad } from "../../lib/resource";
import { Failure, Loading } from "../../ui/notice";
import { Said, type Words } from "../../ui/said";
import { BaselineTable } from "./baselines";
import { CatalogFacts } from "./catalog";
import { type Fact, loadFacts, nameOf } from "./load";
import { Restore } from "./restore";

export function Facts() {
  const { api, me } = useSession();
  const [restoring, setRestoring] = useState<Fact | undefined>();
  const [words, setWords] = useState<Words | undefined>();
  const { value, error, loading, reload } = useLoad((signal) => loadFacts(api, signal), [api]);
  const restore = rights(me).admin ? setRestoring : undefined;
  return (
    <>
      <Said words={words} />
      {value === undefined && loading && <Loading what="catalog and baselines" />}
      {error !== undefined && <Failure error={error} retry={reload} />}
      {value && <CatalogFacts catalog={value.catalog} onRestore={restore} />}
      {value && <BaselineTable facts={value} onRestore={restore} />}
      {restoring && (
        <Restore
          fact={restoring}
          onClose={() => setRestoring(undefined)}
          onDone={(version) => {
            setRestoring(undefined);
            setWords({ text: `${nameOf(restoring)}: ${version} is in force within 90 seconds.` });
            reload();
          }}
        />
      )}
    </>
  );
}
