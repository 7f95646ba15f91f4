CREATE TABLE schema (
    one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL, min_reader INTEGER NOT NULL,
    min_writer INTEGER NOT NULL);
CREATE TABLE document (name TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE key (
        number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, hash TEXT NOT NULL UNIQUE, role TEXT NOT NULL,
        tenant TEXT, name TEXT NOT NULL, gateway TEXT, created_at INTEGER NOT NULL, created_by TEXT NOT NULL, expires_at INTEGER, networks TEXT, last_used_on TEXT);
CREATE TABLE facts (
        name TEXT NOT NULL, version INTEGER NOT NULL, updated_at INTEGER NOT NULL, json TEXT NOT NULL,
        PRIMARY KEY (name, version)) WITHOUT ROWID;
CREATE TABLE tenant (id TEXT PRIMARY KEY, admitted INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE delivery (
        number INTEGER PRIMARY KEY AUTOINCREMENT, tenant TEXT NOT NULL, note TEXT NOT NULL, due INTEGER NOT NULL,
        attempts INTEGER NOT NULL);
CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE audit (
        number INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,
        subject TEXT NOT NULL, before TEXT, after TEXT, note TEXT UNIQUE);
CREATE TABLE notification (
    number INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL);
CREATE TABLE teller (
        isolate TEXT PRIMARY KEY, sequence INTEGER NOT NULL, seen_at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE tombstone (hash TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE republish (
        tenant TEXT PRIMARY KEY, due INTEGER NOT NULL, attempts INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE own_hops (
    actor TEXT PRIMARY KEY, messages INTEGER NOT NULL, disbelieved INTEGER NOT NULL, last_at INTEGER NOT NULL,
    told_at INTEGER) WITHOUT ROWID;
CREATE TABLE outbox (
    key TEXT PRIMARY KEY, rev INTEGER NOT NULL, json TEXT, metadata TEXT, due INTEGER NOT NULL, seq INTEGER NOT NULL DEFAULT 0, rank INTEGER NOT NULL DEFAULT 5, attempts INTEGER NOT NULL DEFAULT 0, again INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE _cf_METADATA (
        key INTEGER PRIMARY KEY,
        value BLOB
      );
INSERT INTO "schema" ("one", "version", "min_reader", "min_writer") VALUES (1, 3, 1, 1);
INSERT INTO "document" ("name", "json") VALUES ('control', '[{"rev":1,"mode":null,"handed_over":true,"variable":null,"freezes":[],"versions":{"catalog":0,"baselines":{}}},null]');
INSERT INTO "document" ("name", "json") VALUES ('pruned', '"2026-10-01"');
INSERT INTO "key" ("number", "id", "hash", "role", "tenant", "name", "gateway", "created_at", "created_by", "expires_at", "networks", "last_used_on") VALUES (1, '390593519c89', '4d17c229496e1bb1cd40c3c799c623281e4316d9c2a961eaa9e2121f2632104f', 'gateway', 'contoso', 'mx', '{"connector":"on_premises","postfix_refusals":true}', 1790842508, 'admin', NULL, NULL, NULL);
INSERT INTO "key" ("number", "id", "hash", "role", "tenant", "name", "gateway", "created_at", "created_by", "expires_at", "networks", "last_used_on") VALUES (2, '4f73090605c9', '74b34e2fc06f540c92cf75d5fc8abbcc444f6b5e664f9fd44e39def0756bc50e', 'operator', 'contoso', 'helpdesk', NULL, 1790842508, 'admin', NULL, NULL, '2026-10-01');
INSERT INTO "key" ("number", "id", "hash", "role", "tenant", "name", "gateway", "created_at", "created_by", "expires_at", "networks", "last_used_on") VALUES (3, '7fdfd4099c2d', '4aa4d1f9e368699253e465b0c56bf153adffb9fa8601a568093b92a7b8457bcf', 'viewer', 'contoso', 'report', NULL, 1790842508, 'admin', 1893456000, '["192.0.2.0/24"]', NULL);
INSERT INTO "key" ("number", "id", "hash", "role", "tenant", "name", "gateway", "created_at", "created_by", "expires_at", "networks", "last_used_on") VALUES (5, '42adbc024799', '3c660c870715654c47f4f7a423defce335c517bae1eb13913653b36b117511ea', 'gateway', 'fabrikam', 'alone', NULL, 1790842508, 'admin', NULL, NULL, NULL);
INSERT INTO "key" ("number", "id", "hash", "role", "tenant", "name", "gateway", "created_at", "created_by", "expires_at", "networks", "last_used_on") VALUES (6, '23a9bbc7afca', 'f9bde5fc43cacf40a192b74ae09dd8663951adc5209484517deb281ff2f3af8c', 'gateway', NULL, 'shared', NULL, 1790842508, 'admin', NULL, NULL, NULL);
INSERT INTO "key" ("number", "id", "hash", "role", "tenant", "name", "gateway", "created_at", "created_by", "expires_at", "networks", "last_used_on") VALUES (7, '097d3a3238bb', '5268ec4684444bf2013f688d46edf635b2effd67a8f0f442e5818863039eb792', 'admin', NULL, 'deputy', NULL, 1790842508, 'admin', NULL, NULL, NULL);
INSERT INTO "tenant" ("id", "admitted") VALUES ('contoso', 0);
INSERT INTO "audit" ("number", "at", "actor", "action", "subject", "before", "after", "note") VALUES (1, 1790842508, 'admin', 'key.create', '390593519c89', NULL, '{"id":"390593519c89","role":"gateway","tenant":"contoso","name":"mx","gateway":{"connector":"on_premises","postfix_refusals":true},"expires_at":null,"networks":null,"created_at":"2026-10-01T08:15:08Z","created_by":"admin","last_used_on":null}', NULL);
INSERT INTO "audit" ("number", "at", "actor", "action", "subject", "before", "after", "note") VALUES (2, 1790842508, 'admin', 'key.create', '4f73090605c9', NULL, '{"id":"4f73090605c9","role":"operator","tenant":"contoso","name":"helpdesk","gateway":null,"expires_at":null,"networks":null,"created_at":"2026-10-01T08:15:08Z","created_by":"admin","last_used_on":null}', NULL);
INSERT INTO "audit" ("number", "at", "actor", "action", "subject", "before", "after", "note") VALUES (3, 1790842508, 'admin', 'key.create', '7fdfd4099c2d', NULL, '{"id":"7fdfd4099c2d","role":"viewer","tenant":"contoso","name":"report","gateway":null,"expires_at":"2030-01-01T00:00:00Z","networks":["192.0.2.0/24"],"created_at":"2026-10-01T08:15:08Z","created_by":"admin","last_used_on":null}', NULL);
INSERT INTO "audit" ("number", "at", "actor", "action", "subject", "before", "after", "note") VALUES (4, 1790842508, 'admin', 'key.create', 'bb649655b2d4', NULL, '{"id":"bb649655b2d4","role":"gateway","tenant":"contoso","name":"leaked","gateway":null,"expires_at":null,"networks":null,"created_at":"2026-10-01T08:15:08Z","created_by":"admin","last_used_on":null}', NULL);
INSERT INTO "audit" ("number", "at", "actor", "action", "subject", "before", "after", "note") VALUES (5, 1790842508, 'admin', 'key.create', '42adbc024799', NULL, '{"id":"42adbc024799","role":"gateway","tenant":"fabrikam","name":"alone","gateway":null,"expires_at":null,"networks":null,"created_at":"2026-10-01T08:15:08Z","created_by":"admin","last_used_on":null}', NULL);
INSERT INTO "audit" ("number", "at", "actor", "action", "subject", "before", "after", "note") VALUES (6, 1790842508, 'admin', 'key.create', '23a9bbc7afca', NULL, '{"id":"23a9bbc7afca","role":"gateway","tenant":null,"name":"shared","gateway":null,"expires_at":null,"networks":null,"created_at":"2026-10-01T08:15:08Z","created_by":"admin","last_used_on":null}', NULL);
INSERT INTO "audit" ("number", "at", "actor", "action", "subject", "before", "after", "note") VALUES (7, 1790842508, 'admin', 'key.create', '097d3a3238bb', NULL, '{"id":"097d3a3238bb","role":"admin","tenant":null,"name":"deputy","gateway":null,"expires_at":null,"networks":null,"created_at":"2026-10-01T08:15:08Z","created_by":"admin","last_used_on":null}', NULL);
INSERT INTO "audit" ("number", "at", "actor", "action", "subject", "before", "after", "note") VALUES (8, 1790842508, 'admin', 'key.revoke', 'bb649655b2d4', '{"id":"bb649655b2d4","role":"gateway","tenant":"contoso","name":"leaked","gateway":null,"expires_at":null,"networks":null,"created_at":"2026-10-01T08:15:08Z","created_by":"admin","last_used_on":null}', NULL, NULL);
INSERT INTO "tombstone" ("hash", "at") VALUES ('91ecf72795c1923303dde1f21c14b9183aa4be235ccdca2c6cb7ee2a1fa8c266', 1790842508);
INSERT INTO "outbox" ("key", "rev", "json", "metadata", "due", "seq", "rank", "attempts", "again") VALUES ('key/91ecf72795c1923303dde1f21c14b9183aa4be235ccdca2c6cb7ee2a1fa8c266', 1, NULL, NULL, 1796005284874, 1, 6, 0, 2);
INSERT INTO "_cf_METADATA" ("key", "value") VALUES (1, 1796005225385000000);
CREATE INDEX key_tenant ON key (tenant);
CREATE INDEX delivery_due ON delivery (due);
CREATE INDEX teller_seen_at ON teller (seen_at);
CREATE INDEX tombstone_at ON tombstone (at);
CREATE INDEX republish_due ON republish (due);
CREATE INDEX audit_at ON audit (at);
CREATE INDEX outbox_turn ON outbox (rank, seq);
CREATE INDEX outbox_due ON outbox (due);
