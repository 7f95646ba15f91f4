/** One server: what becomes of its mail and why, its way up the ladder, and the evidence. */
import { useMemo } from "preact/hooks";
import { stateOf } from "../../domain/words";
import { rights, useSession } from "../../lib/auth";
import { useResource } from "../../lib/resource";
import { go, href, type TabProps } from "../../lib/router";
import { dateOf } from "../../lib/time";
import { AsOf, Await } from "../../ui/await";
import { StageChart } from "../../ui/chart/stages";
import { ConfirmDialog } from "../../ui/dialog";
import { EndExemption, ExemptDialog } from "../../ui/exemption";
import { visible } from "../../ui/hostile";
import { StateMark } from "../../ui/marks";
import { StageTable } from "../../ui/stage-table";
import { StatusLine, useDialogs } from "../../ui/status";
import { Title } from "../../ui/text";
import { Evidence } from "./evidence";
import { Advice, Builds, Facts, Transitions } from "./facts";
import { Headline } from "./headline";
import { loadServer, type ServerPage } from "./load";
import { comes, timeline } from "./timeline";
import { Window } from "./window";

export function ServerView({ tenant, server }: TabProps & { server: string }) {
  const { api, me } = useSession();
  const path = { tenant, server };
  const loaded = useResource<ServerPage>(`server ${tenant} ${server}`, ({ signal, before }) =>
    loadServer(api, path, signal, before),
  );
  const page = loaded.value;
  const { open, setOpen, words, close, done } = useDialogs<"exempt" | "end" | "forget">(loaded.reload);
  const dialog = page && { tenant, server: page.server, onClose: close, onDone: done };
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
  const isExempt = page?.server.exempt_until != null;
  return (
    <>
      <Title title={page?.server.name ?? server} trail={trail}>
        <AsOf of={loaded} />
        {page && rights(me, page.policy).exempt && (
          <>
            <button type="button" onClick={() => setOpen("exempt")}>
              {isExempt ? "Change the exemption" : "Exempt it"}
            </button>
            {isExempt && (
              <button type="button" onClick={() => setOpen("end")}>
                End the exemption
              </button>
            )}
          </>
        )}
      </Title>
      <StatusLine words={words} />
      <Await of={loaded} what="the server">
        {(page) => <Whole tenant={tenant} page={page} />}
      </Await>
      {page && rights(me).forget && (
        // at the page's end: it is seldom wanted, and cannot be undone
        <section class="forget">
          <button type="button" class="danger" onClick={() => setOpen("forget")}>
            Forget this server
          </button>
        </section>
      )}
      {open === "exempt" && dialog && <ExemptDialog {...dialog} />}
      {open === "end" && dialog && <EndExemption {...dialog} />}
      {open === "forget" && page && (
        <ConfirmDialog
          title={`Forget ${visible(page.server.name)}?`}
          deed="Forget it"
          send={async () => {
            await api.DELETE("/v1/tenants/{tenant}/servers/{server}", { params: { path } });
            go({ view: "tenant", tenant, tab: "report" });
          }}
          onClose={close}
        >
          <p>
            Its builds, its evidence, what happened to it and its clock are deleted, and any exemption. If it
            sends mail again, it is a new server: out of date, it begins at stage 1.
          </p>
        </ConfirmDialog>
      )}
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
    </>
  );
}
