/** The API's documents, by the names that openapi.json gives them. */
import type { components, paths } from "./schema.gen";

type Schemas = components["schemas"];

/** What a GET answers. */
export type Answer<Path extends keyof paths> = paths[Path] extends {
  get: { responses: { 200: { content: { "application/json": infer Body } } } };
}
  ? Body
  : never;

export type BaselineVersion = Answer<"/v1/baselines/{baseline}">;
export type CatalogVersion = Answer<"/v1/catalog">;
/** Whose key it is. */
export type Me = Answer<"/v1/me">;
export type Servers = Answer<"/v1/tenants/{tenant}/servers">;

export type Action = Schemas["Action"];
export type AuditEntry = Schemas["AuditEntry"];
export type Baseline = Schemas["Baseline"];
export type Budget = Schemas["Budget"];
export type Catalog = Schemas["Catalog"];
export type Connector = Schemas["Connector"];
export type Control = Schemas["Control"];
export type Counts = Schemas["Counts"];
export type CreatedKey = Schemas["CreatedKey"];
export type CreatedWebhook = Schemas["CreatedWebhook"];
/** What a server's mail meets now. */
export type Effect = NonNullable<Schemas["EffectOrNull"]>;
export type Exemption = Schemas["Exemption"];
export type Key = Schemas["Key"];
export type Ladder = Schemas["Ladder"];
export type Mode = Schemas["Mode"];
export type Notification = Schemas["Notification"];
export type OperatorNotification = Schemas["OperatorNotification"];
export type Pause = Schemas["Pause"];
/** With every member, as the API answers. */
export type Policy = Schemas["FullPolicy"];
export type PolicyPreview = Schemas["PolicyPreview"];
export type Report = Schemas["Report"];
export type ReportServer = Report["servers"][number];
export type Role = Schemas["Role"];
/** As lists of servers have it. */
export type Server = Schemas["Server"];
export type ServerDetail = Schemas["ServerDetail"];
export type Stage = Schemas["Stage"];
export type Standing = Schemas["Standing"];
export type Tenant = Schemas["Tenant"];
/** What happened to a server, in a report. */
export type Transition = Report["transitions"][number];
export type Webhook = Schemas["Webhook"];

/** Where a server of a tenant can stand. */
export type State = "current" | "out_of_date" | "unknown";
