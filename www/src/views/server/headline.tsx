/** The sentences at the top: since when a server is out of date, what its mail meets now, and what will come. */
import type { ComponentChildren } from "preact";
import type { StagePicture } from "../../domain/steps";
import { isReportedOnly, type Minutes, reason } from "../../domain/words";
import type { Effect, Mode, ServerDetail } from "../../lib/api";
import { Time } from "../../ui/text";
import type { ServerPage } from "./load";
import { comes } from "./timeline";

interface Props {
  page: ServerPage;
  picture: StagePicture | null;
}

/** Longer names are not repeated in sentences. */
const MAX_NAME = 40;

export function Headline({ page, picture }: Props) {
  const { server } = page;
  return (
    <div class="verdict">
      <p class="verdict-first">{first(server)}</p>
      {server.stage && <Meets page={page} picture={picture} />}
    </div>
  );
}

function first(server: ServerDetail): ComponentChildren {
  const name = server.name.length > MAX_NAME ? "This server" : server.name;
  const { standing, detected_at, spells } = server;
  const [last] = spells;
  if (standing?.state === "current") {
    if (last?.end !== "patched" || last.ended_at === null)
      return (
        <>
          {name} is up to date: all its mail is accepted.
          <KeptFree server={server} />
        </>
      );
    return (
      <>
        {name} has been up to date since it was patched on <Time at={last.ended_at} short />: all its mail is
        accepted.
        <KeptFree server={server} />
      </>
    );
  }
  if (standing?.state !== "out_of_date") {
    const why = standing ? `: ${reason(standing)}` : "";
    return `Whether ${name} is up to date is not known${why}. All its mail is accepted.`;
  }
  if (detected_at !== null) {
    return (
      <>
        {name} has been out of date since <Time at={detected_at} short />.
      </>
    );
  }
  if (last?.end === "silent") {
    return (
      <>
        {name} was out of date when it last sent mail, on <Time at={server.last_seen} short />. If it comes
        back as it was within 180 days of that, its clock goes on where it stopped.
      </>
    );
  }
  return `One message of ${name} shows an out-of-date build. A second, different one within 35 days would start its clock.`;
}

/** Which machine or message makes up for others that are out of date. */
function KeptFree({ server }: { server: ServerDetail }) {
  const kept = server.kept_free_by;
  if (kept === null) return null;
  const { node, build, last_seen } = kept;
  return (
    <>
      {" "}
      That is so only because {node === null ? "one message" : machine(node)} showed build {build}, last on{" "}
      <Time at={last_seen} short />: others under this name are out of date.
    </>
  );
}

/** One that does not tell its address shows as `-`. */
function machine(address: string): string {
  return address === "-" ? "a machine without an address" : `the machine ${address}`;
}

/** For one that is out of date. */
function Meets({ page, picture }: Props) {
  const { stage, effect } = page.server;
  if (!stage || !effect) return null;
  const reported = isReportedOnly(effect);
  const coming = picture ? comes(picture) : [];
  const [next] = coming;
  const whole = coming.slice(1).find(({ minutes }) => minutes.block_minutes === 60);
  return (
    <p>
      <Now effect={effect} page={page} />
      {next && (
        <>
          {" "}
          From <Moment at={next.from} /> {will(next.minutes, reported)}
        </>
      )}
      {whole && (
        <>
          {"; from "}
          <Moment at={whole.from} /> {will(whole.minutes, reported)}
        </>
      )}
      {next && "."}
      {stage.next && stage.next.at === null && " Its clock stands still until further notice."}
    </p>
  );
}

function Moment({ at }: { at: number }) {
  return <Time at={new Date(at).toISOString()} short countdown="beside" />;
}

/** `it will be deferred 30 min/h and rejected 10 min/h` */
function will({ throttle_minutes, block_minutes }: Minutes, reported: boolean): string {
  const verb = reported ? "would" : "will";
  if (block_minutes === 60) return `all of it ${verb} be rejected`;
  return `it ${verb} be ${closed({ throttle_minutes, block_minutes }) ?? "accepted"}`;
}

/** `deferred 30 min/h and rejected 10 min/h`; null where no minute is closed */
function closed({ throttle_minutes, block_minutes }: Minutes): string | null {
  const parts = [];
  if (throttle_minutes > 0) parts.push(`deferred ${throttle_minutes} min/h`);
  if (block_minutes > 0) parts.push(`rejected ${block_minutes} min/h`);
  return parts.length > 0 ? parts.join(" and ") : null;
}

/** Why the mode holds mail back, by the policy's own: where that enforces, the emergency brake does. */
const HELD: Record<Mode, string> = {
  off: "the mode is off",
  report: "out-of-date servers are only reported",
  enforce: "enforcement is halted for all tenants",
};

function Now({ effect, page }: { effect: Effect; page: ServerPage }) {
  const { server, pauses, policy } = page;
  switch (effect.obstacle) {
    case null:
      return <>{meets(effect)}</>;
    case "exempt":
      return (
        <>It is exempt{until(server.exempt_until)}: all its mail is accepted, and its clock stands still.</>
      );
    case "paused": {
      const pause = pauses.find(({ state }) => state === "running");
      return (
        <>
          Enforcement is paused{until(pause?.until ?? null)}: all its mail is accepted, and its clock stands
          still.
        </>
      );
    }
    case "mode":
      return <>All its mail is accepted, because {HELD[policy.mode]}.</>;
    case "scope":
      return <>All its mail is accepted: the policy leaves out the connector that it comes by.</>;
    case "wave":
      return <>All its mail is accepted: {server.product ?? "its product"} is not enforced yet.</>;
    case "notice":
      return (
        <>
          All its mail is accepted: none of it could be refused lately, so it has 7 days from the first
          message that can.
        </>
      );
    case "relay":
      return <>All its mail is accepted: it comes through a trusted relay, where the policy only reports.</>;
  }
}

/** `Its mail is deferred 30 min/h and rejected 10 min/h.` */
function meets(minutes: Minutes): string {
  if (minutes.block_minutes === 60) return "All of its mail is rejected.";
  const now = closed(minutes);
  return now === null ? "All its mail is still accepted." : `Its mail is ${now}.`;
}

function until(at: string | null): ComponentChildren {
  return (
    at !== null && (
      <>
        {" "}
        until <Time at={at} short countdown="beside" />
      </>
    )
  );
}
