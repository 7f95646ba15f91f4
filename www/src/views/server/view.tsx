/** One server: what becomes of its mail and why, its way up the ladder, and the evidence. */
import { useMemo, useState } from "preact/hooks";
import { stateOf } from "../../domain/words";
import { useSession } from "../../lib/auth";
import { useFresh, useLoad } from "../../lib/resource";
import type { ViewProps } from "../../lib/router";
import { href } from "../../lib/router";
import { dateOf } from "../../lib/time";
import { StageChart } from "../../ui/chart/stages";
import { StateMark } from "../../ui/marks";
import { Failure, Loading } from "../../ui/notice";
import { Said, type Words } from "../../ui/said";
import { StageTable } from "../../ui/stage-table";
import { Title } from "../../ui/title";
import { Advice } from "./advice";
import { Evidence } from "./evidence-list";
import { Exempt } from "./exempt";
import { Facts } from "./facts";
import { Forget } from "./forget";
import { Headline } from "./headline";
import { Builds, Transitions } from "./history";
import { loadServer, type ServerPage } from "./load";
import { comes, timeline } from "./timeline";
import { Window } from "./window";

export function ServerView({ place }: ViewProps) {
  const { api, me } = useSession();
  const { tenant, server } = place.route.view === "server" ? place.route : { tenant: "", server: "" };
  const loaded = useLoad((signal) => loadServer(api, tenant, server, signal), [api, tenant, server]);
  useFresh(loaded);
  const { value: page, error, reload } = loaded;
  const [said, say] = useState<Words | undefined>();
  const change = (words: Words) => {
    say(words);
    reload();
  };
  const trail = (
    <>
      {me.tenant === null && (
        <>
          <a href={href({ view: "home" })}>Tenants</a> ›{" "}
        </>
      )}
      <a href={href({ view: "tenant", tenant, tab: "report" })}>{tenant}</a>
    </>
  );
  return (
    <>
      <Title title={page?.server.name ?? server} trail={trail}>
        {page && <Exempt tenant={tenant} page={page} onChange={change} />}
      </Title>
      <Said words={said} />
      {error !== undefined && <Failure error={error} retry={reload} />}
      {page === undefined && error === undefined && <Loading what="the server" />}
      {page && <Whole tenant={tenant} page={page} />}
    </>
  );
}

function Whole({ tenant, page }: { tenant: string; page: ServerPage }) {
  const now = useMemo(() => new Date(), [page]);
  const picture = useMemo(() => timeline(page, now.getTime()), [page]);
  const { server } = page;
  const coming = picture ? comes(picture) : [];
  return (
    <>
      <p>
        <StateMark state={server.standing ? stateOf(server.standing) : "unknown"} />
      </p>
      <Headline page={page} picture={picture} />
      <Advice page={page} today={dateOf(now)} />
      {picture && (
        <section aria-labelledby="ladder">
          <h2 id="ladder">Its way up the ladder</h2>
          <StageChart picture={picture} label="Closed minutes of each hour, as stages over time" />
          {coming.length > 0 && (
            <>
              <h3>What comes if nothing is done</h3>
              <StageTable caption="What comes if nothing is done" steps={coming} />
            </>
          )}
        </section>
      )}
      <Window tenant={tenant} page={page} />
      <section aria-labelledby="facts">
        <h2 id="facts">Facts</h2>
        <Facts page={page} />
      </section>
      <Evidence server={server} />
      <Builds page={page} />
      <Transitions server={server} />
      <Forget tenant={tenant} page={page} />
    </>
  );
}
