/** A time in RFC 3339; what comes out is UTC: `2026-09-30T08:15:08Z`. */
export type Time = string;
/** A UTC day: `2026-09-30`. */
export type Day = string;
/** An Exchange build number: `15.1.2507.61`. The long form (`15.01.2507.061`) goes in as well. */
export type Build = string;
/** How a server connects. Nobody vouches for the names of servers that come over `partner` and `internet`. */
export type Connector = "on_premises" | "partner" | "internet";
/** What becomes of a message: accept, defer (450) or reject (550). */
export type Action = "accept" | "defer" | "reject";
export type Mode = "off" | "report" | "enforce";
/** Which part of a mail server stamped a field, as far as its `with` clause tells. */
export type Component = "smtp" | "mapi" | "pickup" | "shadow_redundancy" | "legacy" | "other";
export type State = "current" | "out_of_date" | "unknown" | "not_exchange";
/** The rule that led to a {@link State}. */
export type Reason =
  | "meets_baseline"
  | "ahead_of_catalog"
  | "no_requirement"
  | "unsupported"
  | "behind_on_updates"
  | "lane_not_accepted"
  | "no_build"
  | "components_disagree"
  | "update_level_not_shown"
  | "extended_support_not_shown"
  | "unknown_product"
  | "unknown_lane"
  | "unreadable_field"
  | "own_hops"
  | "nameless_server"
  | "legacy_smtp"
  | "no_received"
  | "other_software"
  | "exchange_online"
  | "undecided";

/** How a server stands under a baseline. */
export interface Standing {
  state: State;
  reason: Reason;
  /** The lowest build that would do; `null` unless the server is out of date, and where no build of its product does. */
  required: Build | null;
  /** Days from the release of the build to that of the required one. */
  behind_days: number | null;
}

/** What the catalog calls a build. */
export interface Release {
  /** `null` where the message shows none, or only a component's that lags behind the server. */
  build: Build | null;
  product: string | null;
  /** The cumulative update, such as `CU23`. */
  cu: string | null;
  /** The security or hotfix update, such as `Oct25SU`. */
  su: string | null;
}

/** The built-in catalog. */
export interface Catalog {
  /** Oldest first. */
  products: {
    name: string;
    end_of_support: Day | null;
    /** Last day of extended support for the releases that came out under it. */
    extended_support_end: Day | null;
    /** From when on the product is enforced by default; `null`: it is only reported. */
    wave: Day | null;
  }[];
  /** Newest first. */
  releases: {
    build: Build;
    product: string;
    cu: string | null;
    /** `null` for the cumulative update or service pack itself. */
    su: string | null;
    /** Where only the month is known, its last day. */
    released: Day;
  }[];
  /** Names of the built-in baselines, `microsoft` first. */
  baselines: string[];
}

/** A relay of the operator's own in front of the gateway, whose hops are looked through. */
export interface TrustedRelay {
  /** Its BY hosts end so, at a label border. */
  host: string;
  /** The networks from which it connects, in CIDR notation. */
  networks: string[];
}

export interface ReadHeaderOptions {
  /** Default: `on_premises`. */
  connector?: Connector;
  /** The peer that handed the message over. Servers of other connectors are identified by it too. */
  clientIp?: string;
  /** How many `Received` fields at the top the gateway added itself, 16 at most. Default: 0. */
  ownHops?: number;
  trustedRelays?: TrustedRelay[];
}

/** What was found of the connecting server. */
export type Finding =
  /** An on-premises Exchange server. */
  | "server"
  /** No `Received` field, or none below the gateway's own and its relays'. */
  | "no_hop"
  /** As many fields as the gateway claims as its own are not its own. */
  | "own_hops_disagree"
  /** Its field cannot be read. */
  | "unreadable"
  | "not_exchange"
  | "exchange_online"
  /** Exchange 2000, Exchange 2003 or plain IIS, which show no build. */
  | "legacy_smtp"
  /** Exchange, under a name that cannot identify a server, or without the address that would vouch for it. */
  | "nameless";

/** What a header says of the connecting server and of every hop. */
export interface Reading {
  finding: Finding;
  /** The connecting server where `finding` is `server`. */
  server:
    | (Release & {
        /** The BY host in lower case; `name@address` for connectors on which nobody vouches for the name. */
        id: string;
        /** The BY host as stamped. */
        name: string;
        /** The address in its BY clause: one machine of those that share the name. */
        node: string | null;
      })
    | null;
  /** The `Received` field on which the finding rests. */
  evidence: Evidence | null;
  /** The finding in words. */
  why: string;
  /** Every `Received` field, newest first. */
  hops: HeaderHop[];
  /** The header is longer than what is read: 1 MiB, 1,000 fields, 64 KiB a field. */
  truncated: boolean;
}

export interface Evidence {
  /** Counted from 0, the newest, before anything is skipped. */
  field: number;
  component: Component;
  /** The clauses that tell, unfolded. */
  text: string;
}

/** A stretch of a text, `[start, end)`, in UTF-16 units as `String.prototype.slice` counts. */
export type Span = [start: number, end: number];

/** One `Received` field. */
export interface HeaderHop extends Release {
  /** Counted from 0, the newest. */
  field: number;
  /** The host that stamped it, as written; `null` where it cannot be read. */
  by: string | null;
  component: Component;
  /** Exchange Online's own hop, which is never an on-premises server. */
  exchangeOnline: boolean;
  /** Why the field proves nothing; `null` if it can be read. */
  unreadable: string | null;
  /** The field's own date. */
  at: Time | null;
  /** The whole field without its name and its `for` clause, unfolded, 2,048 octets at most. */
  text: string;
  /** Where in `text` that stands which tells: from `by` to the build. */
  telling: Span;
}

/** A dated list of requirements. The newest edition whose day has come applies. */
export interface BaselineDocument {
  /** `[a-z0-9_-]{1,63}` */
  name: string;
  editions: {
    effective: Day;
    /** Whatever is out of support is out of date, but for a build released under extended support until that ends. */
    unsupported_after_end_of_support?: boolean;
    /** By product name. A product that is not named is accepted. */
    products: Record<string, Requirement>;
  }[];
}

export type Requirement =
  | "unsupported"
  /** The lowest accepted build of each accepted cumulative update. */
  | { minimum: Build[] }
  /** Out of date once a newer security update of the same cumulative update has been public for so long. */
  | { max_lag_days: number };

export interface AssessOptions {
  /** Default: `microsoft`. */
  baseline?: string | BaselineDocument;
  /** Default: now. */
  at?: Time;
}

export interface Assessment extends Release {
  build: Build;
  /** When this build, or the release that it stands for, came out; `null` where it is not known. */
  released: Day | null;
  standing: Standing;
}

/** One stage of a ladder, as policies write it: it lasts `days` or `minutes`, the last stage neither. */
export interface StageDocument {
  days?: number;
  minutes?: number;
  /** Minutes of the hour that defer. */
  throttle_minutes: number;
  /** Minutes of the hour that reject: 60 at most together with `throttle_minutes`. */
  block_minutes: number;
}

/** First day of enforcement by product name, in place of the product's own; `null`: never. */
export type Waves = Record<string, Day | null>;

/** A tenant's policy as `PUT /v1/tenants/{t}/policy` takes it. What is left out has its default. */
export interface Policy {
  /** Default: `report`. */
  mode?: Mode;
  /** Default: `["on_premises"]`. */
  scope?: Connector[];
  baseline?: string | BaselineDocument;
  waves?: Waves;
  ladder?: StageDocument[];
  trusted_relays?: TrustedRelay[];
  enforce_behind_relays?: boolean;
  /** Local parts. Default: `["postmaster", "abuse"]`. */
  always_accept?: string[];
  operator?: string;
  help_url?: string | null;
  reply?: { throttle?: string; block?: string };
  delegated?: ("exempt" | "policy")[];
  pause_days_per_year?: number;
}

/** One inbound message as a gateway describes it: the body of `POST /v1/decide`. */
export interface MailEvent {
  tenant: string;
  event_id?: string | null;
  /** Default: `internet`, which no default policy has in scope. */
  connector?: Connector | null;
  record?: "async" | "sync" | null;
  client?: { ip?: string | null; helo?: string | null } | null;
  own_hops?: number | null;
  envelope?: { from?: string | null; to?: string[] | null } | null;
  /** Lines, or names and values in order of appearance. */
  header: string | [name: string, value: string][];
}

/** A time during which enforcement and clocks stand still. */
export interface Freeze {
  from: Time;
  until: Time;
}

export interface DecideContext {
  /** Default: every default, so that the mode is `report`. */
  policy?: Policy;
  /** When the server's spell began. Left out: nothing is known of the server, and its message is accepted. */
  detectedAt?: Time;
  /** The server's last out-of-date message: a spell ends 60 days after it. Default: now. */
  lastSeen?: Time;
  /** Of the tenant. At most 1,000. */
  pauses?: Freeze[];
  /** Of the server. At most 1,000. */
  exemptions?: Freeze[];
  /** Default: the present. */
  now?: Time;
}

/** The answer of `POST /v1/decide`. */
export interface Decision {
  action: Action;
  /** What the gateway answers its peer; `null` for an accept. */
  reply: { code: 450 | 550; enhanced: "4.7.230" | "5.7.230"; text: string } | null;
  /** Seconds to the next minute that accepts. */
  retry_after: number | null;
  /** `null` where no on-premises Exchange server was recognised. */
  server: (Release & { id: string; name: string }) | null;
  standing: Standing;
  /** `null` unless the server is out of date. */
  stage: Stage | null;
  /** `null` where no policy was asked. */
  mode: Mode | null;
  /** What would be without mode, pause and exemption. */
  would: Action;
  paused_until: Time | null;
  exempt_until: Time | null;
  /** Always `false` here. */
  degraded: boolean;
  /** Always `false` here. */
  recorded: boolean;
  evidence: Evidence | null;
  why: string;
}

/** Where an out-of-date server stands on the ladder. */
export interface Stage {
  /** Counted from 1. */
  number: number;
  since: Time;
  throttle_minutes: number;
  block_minutes: number;
  /** `null` in the last stage. */
  next: NextStage | null;
}

export interface NextStage {
  number: number;
  /** By all freezes given; `null`: not before something changes. */
  at: Time | null;
  throttle_minutes: number;
  block_minutes: number;
}

export interface SimulateInput {
  build: Build;
  /** Default: Exchange Online's, 90 days in eight stages. */
  ladder?: StageDocument[];
  /** Default: `microsoft`. */
  baseline?: string | BaselineDocument;
  waves?: Waves;
  /** When the server was first seen out of date. */
  detectedAt: Time;
  /** At most 1,000. */
  pauses?: Freeze[];
  /** The moment to look at. Default: now. */
  at?: Time;
  /** Together with `server`: by how many minutes the hour is shifted. Without them it is not. */
  tenant?: string;
  /** A server's name, or `name@address`. */
  server?: string;
}

/** A stage on the time axis. */
export interface ScheduledStage {
  /** Counted from 1. */
  number: number;
  /** When the clock reaches it; `null`: never, as far as is known. */
  from: Time | null;
  /** When the next stage begins; `null` for the last, and where that is never. */
  until: Time | null;
  throttle_minutes: number;
  block_minutes: number;
}

export interface Simulation {
  /** At the moment `at`. */
  standing: Standing;
  /** All stages in order; none if the build is not out of date at the moment `at`. */
  stages: ScheduledStage[];
  /** When clocks stand still: the pauses in order, those that meet become one. */
  frozen: Freeze[];
  /** The stage at the moment `at`; `null` if the build is not out of date then, or was not detected yet. */
  at: (Stage & { paused: boolean }) | null;
  /** The action of each UTC minute, 0 to 59, of the hour in which `at` lies, as things stand when the minute begins. */
  hour: Action[];
  /** By how many minutes the hour is shifted. */
  offset: number;
}

export interface ScannerOptions {
  /** Default: `microsoft`. */
  baseline?: string | BaselineDocument;
  /** Standings are those at this moment, and enforcement is taken to detect every server then. Default: now. */
  at?: Time;
  ladder?: StageDocument[];
  waves?: Waves;
}

export interface ScanResult {
  /** Every on-premises Exchange server found in any hop, by `id`. */
  servers: ScannedServer[];
  messages: number;
  bytes: number;
  /** `Received` fields that cannot be read. */
  unreadable: number;
  /** A bound was hit, so that something was left out: 50,000 servers, 64 builds a server, 256 KiB of header a message, … */
  truncated: boolean;
  /** The first message's header with its lines in order, for {@link readHeader}; `null`: there is no message. */
  header: string | null;
  /** Lines of a header had to be put in order: they were quoted, indented, torn or apart. */
  mended: boolean;
  /** What the first file is that cannot be read as it comes; `null`: all were mail or text. */
  unfit: FileKind | null;
}

/** A file whose headers have to be got out of it first: `scanFile` of `tidegate/files` does so with the first four. */
export type FileKind =
  | "gzip"
  /** A `.zip` file; where it was unpacked, one in which no mail can be read */
  | "zip"
  /** A compound file: a `.msg` file of Outlook, or a document */
  | "compound"
  /** What may be JSON; where it was looked through, JSON that has no header fields in it */
  | "json"
  /** Outlook's data file, `.pst` or `.ost` */
  | "pst"
  /** `winmail.dat`, TNEF */
  | "winmail"
  /** A record of Outlook for Mac that holds no source */
  | "mac"
  /** Compressed, or an archive, in another way */
  | "packed"
  /** PDF, RTF, HTML, XML */
  | "document";

export interface ScannedServer extends Release {
  /** The BY host in lower case. */
  id: string;
  /** The BY host as stamped. What senders write is hostile: show it as text. */
  name: string;
  /** The addresses in its BY clauses: machines that share the name. */
  addresses: string[];
  /** What it was seen with, newest first. */
  builds: (Release & {
    component: Component;
    /** Messages that show it. */
    messages: number;
    /** By the fields' own dates; `null` where they have none. */
    first: Time | null;
    last: Time | null;
    standing: Standing;
  })[];
  messages: number;
  first: Time | null;
  last: Time | null;
  /** Of the worst machine of that name by its best build in the 24 hours up to its newest message; `build` … `su` are that one. */
  standing: Standing;
  /** Messages that it handed over: it stamped the topmost field, or the first below Exchange Online's own. */
  connecting: number;
  /** When each stage would begin; none if it is not out of date. */
  stages: ScheduledStage[];
  /** Its latest `Received` field, as in {@link HeaderHop}. */
  evidence: { text: string; telling: Span };
}

/** What every function throws where its caller is at fault; its message names the member concerned. */
export interface TidegateError extends Error {
  readonly code: TidegateErrorCode;
  /** The member concerned, as a path such as `ladder[2].days`; empty where it is the whole. */
  readonly field: string;
}

export type TidegateErrorCode =
  /** Neither a string nor octets. */
  | "invalid_header"
  /** No octets. */
  | "invalid_chunk"
  /** A member that is unknown, missing or of a wrong type, and has no code of its own. */
  | "invalid_options"
  | "invalid_build"
  | "invalid_time"
  | "invalid_baseline"
  /** There is no built-in baseline of that name. */
  | "unknown_baseline"
  | "invalid_ladder"
  | "invalid_waves"
  | "invalid_policy"
  /** Of a pause or an exemption. */
  | "invalid_freeze"
  | "invalid_event"
  | "invalid_tenant"
  | "invalid_server"
  /** More than 4 MiB as JSON. */
  | "too_large"
  /** The scanner has finished. */
  | "finished"
  /** A fault of ours. */
  | "internal";
