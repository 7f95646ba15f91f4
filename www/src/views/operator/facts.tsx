/** By what all tenants are judged: the catalog of releases, and the baselines that policies may name. */
import type { BaselineVersion, CatalogVersion } from "../../lib/api";
import { rights, useSession } from "../../lib/auth";
import { all, value } from "../../lib/http";
import { useResource } from "../../lib/resource";
import { Await } from "../../ui/await";
import { StatusLine, useDialogs } from "../../ui/status";
import { BaselineTable } from "./baselines";
import { CatalogFacts } from "./catalog";
import { type Fact, nameOf, Restore } from "./restore";

export interface AllFacts {
  catalog: CatalogVersion;
  /** By name */
  baselines: BaselineVersion[];
}

export function Facts() {
  const { api, me } = useSession();
  const facts = useResource<AllFacts>("facts", async ({ signal }) => {
    const [catalog, names] = await Promise.all([
      value(api.GET("/v1/catalog", { signal })),
      all((query) => api.GET("/v1/baselines", { params: { query }, signal })),
    ]);
    const asked = names.map(({ name: baseline }) =>
      value(api.GET("/v1/baselines/{baseline}", { params: { path: { baseline } }, signal })),
    );
    return { catalog, baselines: await Promise.all(asked) };
  });
  const { open, setOpen, words, close, done } = useDialogs<Fact>(facts.reload);
  const restore = rights(me).admin ? setOpen : undefined;
  return (
    <>
      <StatusLine words={words} />
      <Await of={facts} what="catalog and baselines">
        {(facts) => (
          <>
            <CatalogFacts catalog={facts.catalog} onRestore={restore} />
            <BaselineTable facts={facts} onRestore={restore} />
          </>
        )}
      </Await>
      {open && (
        <Restore
          fact={open}
          onClose={close}
          onDone={(version) => done({ text: `${nameOf(open)}: ${version} is in force within 90 seconds.` })}
        />
      )}
    </>
  );
}
