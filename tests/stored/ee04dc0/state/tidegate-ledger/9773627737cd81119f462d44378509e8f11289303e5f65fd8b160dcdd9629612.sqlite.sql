CREATE TABLE schema (
    one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL, min_reader INTEGER NOT NULL,
    min_writer INTEGER NOT NULL);
CREATE TABLE document (name TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE server (
        id TEXT PRIMARY KEY, name TEXT NOT NULL, connector TEXT NOT NULL, peer TEXT, relayed INTEGER NOT NULL,
        first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL, silent_at INTEGER, notify_at INTEGER,
        state TEXT NOT NULL, stage INTEGER, product TEXT, build TEXT,
        exemptions TEXT NOT NULL, told TEXT, record TEXT NOT NULL, phase TEXT) WITHOUT ROWID;
CREATE TABLE standing (
        state TEXT NOT NULL, stage INTEGER NOT NULL, servers INTEGER NOT NULL,
        PRIMARY KEY (state, stage)) WITHOUT ROWID;
CREATE TABLE transition (
        number INTEGER PRIMARY KEY, server TEXT NOT NULL, at INTEGER NOT NULL, kind TEXT NOT NULL, build TEXT,
        actor TEXT NOT NULL, before TEXT, after TEXT);
CREATE TABLE evidence (
        number INTEGER PRIMARY KEY, server TEXT NOT NULL, node TEXT NOT NULL, at INTEGER NOT NULL,
        field INTEGER NOT NULL, component TEXT NOT NULL, build TEXT, telling TEXT NOT NULL, received TEXT NOT NULL);
CREATE TABLE exemption (
        server TEXT PRIMARY KEY, starts_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, notify_at INTEGER,
        reason TEXT NOT NULL, created_by TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE pause (
        id INTEGER PRIMARY KEY AUTOINCREMENT, reason TEXT NOT NULL, created_at INTEGER NOT NULL,
        created_by TEXT NOT NULL, notify_at INTEGER, pause TEXT NOT NULL);
CREATE TABLE hourly (
        server TEXT NOT NULL, at INTEGER NOT NULL, build TEXT NOT NULL,
        accept INTEGER NOT NULL, defer INTEGER NOT NULL, reject INTEGER NOT NULL,
        would_defer INTEGER NOT NULL, would_reject INTEGER NOT NULL,
        PRIMARY KEY (server, at, build)) WITHOUT ROWID;
CREATE TABLE daily (
        server TEXT NOT NULL, at INTEGER NOT NULL, build TEXT NOT NULL,
        accept INTEGER NOT NULL, defer INTEGER NOT NULL, reject INTEGER NOT NULL,
        would_defer INTEGER NOT NULL, would_reject INTEGER NOT NULL,
        PRIMARY KEY (server, at, build)) WITHOUT ROWID;
CREATE TABLE monthly (
        server TEXT NOT NULL, at INTEGER NOT NULL,
        accept INTEGER NOT NULL, defer INTEGER NOT NULL, reject INTEGER NOT NULL,
        would_defer INTEGER NOT NULL, would_reject INTEGER NOT NULL, PRIMARY KEY (server, at)) WITHOUT ROWID;
CREATE TABLE tenant_hour (
        at INTEGER PRIMARY KEY, accept INTEGER NOT NULL, defer INTEGER NOT NULL, reject INTEGER NOT NULL,
        would_defer INTEGER NOT NULL, would_reject INTEGER NOT NULL);
CREATE TABLE tenant_day (
        at INTEGER PRIMARY KEY, accept INTEGER NOT NULL, defer INTEGER NOT NULL, reject INTEGER NOT NULL,
        would_defer INTEGER NOT NULL, would_reject INTEGER NOT NULL);
CREATE TABLE event_batch (number INTEGER PRIMARY KEY, at INTEGER NOT NULL, hashes BLOB NOT NULL);
CREATE TABLE isolate (
        id TEXT PRIMARY KEY, sequence INTEGER NOT NULL, seen_at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE notification (
        number INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, kind TEXT NOT NULL, server TEXT,
        text TEXT NOT NULL);
CREATE TABLE webhook (
        id TEXT PRIMARY KEY, url TEXT NOT NULL, secret TEXT NOT NULL, created_at INTEGER NOT NULL,
        created_by TEXT NOT NULL, sent INTEGER NOT NULL, due INTEGER NOT NULL, attempts INTEGER NOT NULL,
        failing_since INTEGER, last_error TEXT) WITHOUT ROWID;
CREATE TABLE machine (
        address TEXT NOT NULL, server TEXT NOT NULL, node TEXT NOT NULL, connector TEXT, received TEXT,
        out_of_date INTEGER NOT NULL, first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL,
        PRIMARY KEY (address, server, node)) WITHOUT ROWID;
CREATE TABLE published_peer (
        address TEXT PRIMARY KEY, until INTEGER NOT NULL, record TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE audit (
        number INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,
        subject TEXT NOT NULL, before TEXT, after TEXT, note TEXT UNIQUE);
CREATE TABLE unbelieved (
    kind TEXT NOT NULL, subject TEXT NOT NULL, messages INTEGER NOT NULL, first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL, told_at INTEGER, evidence TEXT, PRIMARY KEY (kind, subject)) WITHOUT ROWID;
CREATE TABLE webhook_state (
        id TEXT PRIMARY KEY, former_secret TEXT, former_until INTEGER, off_since INTEGER) WITHOUT ROWID;
CREATE TABLE webhook_refusal (
        id TEXT PRIMARY KEY, refused INTEGER NOT NULL, number INTEGER NOT NULL, at INTEGER NOT NULL,
        status INTEGER NOT NULL, told_on INTEGER) WITHOUT ROWID;
CREATE TABLE own_hops (
    actor TEXT PRIMARY KEY, messages INTEGER NOT NULL, disbelieved INTEGER NOT NULL, last_at INTEGER NOT NULL,
    told_at INTEGER) WITHOUT ROWID;
CREATE TABLE outbox (
    key TEXT PRIMARY KEY, rev INTEGER NOT NULL, json TEXT, metadata TEXT, due INTEGER NOT NULL, seq INTEGER NOT NULL DEFAULT 0, rank INTEGER NOT NULL DEFAULT 5, attempts INTEGER NOT NULL DEFAULT 0, again INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
INSERT INTO "schema" ("one", "version", "min_reader", "min_writer") VALUES (1, 2, 1, 1);
INSERT INTO "document" ("name", "json") VALUES ('admitted', 'true');
INSERT INTO "document" ("name", "json") VALUES ('judged', '{"day":"2026-10-01","policy_rev":1,"versions":{"catalog":0,"baselines":{}},"control_rev":0}');
INSERT INTO "document" ("name", "json") VALUES ('policy', '{"rev":1,"softened_rev":0,"enforcement":{"policy":{"mode":"enforce","scope":["on_premises"],"baseline":"microsoft","waves":{},"ladder":[{"days":30,"throttle_minutes":0,"block_minutes":0},{"days":10,"throttle_minutes":5,"block_minutes":0},{"days":10,"throttle_minutes":10,"block_minutes":0},{"days":10,"throttle_minutes":20,"block_minutes":0},{"days":10,"throttle_minutes":30,"block_minutes":5},{"days":10,"throttle_minutes":30,"block_minutes":10},{"days":10,"throttle_minutes":30,"block_minutes":20},{"throttle_minutes":0,"block_minutes":60}],"trusted_relays":[],"enforce_behind_relays":false,"always_accept":["postmaster","abuse"],"operator":"this mail service","help_url":null,"reply":{"throttle":"Connecting Exchange server version is out-of-date; connection to {operator} throttled for {n} mins/hr. For more information see {help_url}","block":"Connecting Exchange server version is out-of-date; connection to {operator} blocked for {n} mins/hr. For more information see {help_url}"},"delegated":[],"pause_days_per_year":90},"enforced_since":1790842508,"out_of_enforce":[],"pauses":[],"changed_at":0}}');
INSERT INTO "document" ("name", "json") VALUES ('summary', '{"tenant":"contoso","mode":"enforce","servers":{"current":0,"out_of_date":0,"unknown":0},"worst_stage":null,"last_day":{"accept":0,"defer":0,"reject":0,"would_defer":0,"would_reject":0},"paused_until":null,"updated_at":"2026-10-01T08:15:08Z"}');
INSERT INTO "document" ("name", "json") VALUES ('tenant', '"contoso"');
INSERT INTO "audit" ("number", "at", "actor", "action", "subject", "before", "after", "note") VALUES (1, 1790842508, 'admin', 'policy.put', 'policy', NULL, '{"mode":"enforce","scope":["on_premises"],"baseline":"microsoft","waves":{},"ladder":[{"days":30,"throttle_minutes":0,"block_minutes":0},{"days":10,"throttle_minutes":5,"block_minutes":0},{"days":10,"throttle_minutes":10,"block_minutes":0},{"days":10,"throttle_minutes":20,"block_minutes":0},{"days":10,"throttle_minutes":30,"block_minutes":5},{"days":10,"throttle_minutes":30,"block_minutes":10},{"days":10,"throttle_minutes":30,"block_minutes":20},{"throttle_minutes":0,"block_minutes":60}],"trusted_relays":[],"enforce_behind_relays":false,"always_accept":["postmaster","abuse"],"operator":"this mail service","help_url":null,"reply":{"throttle":"Connecting Exchange server version is out-of-date; connection to {operator} throttled for {n} mins/hr. For more information see {help_url}","block":"Connecting Exchange server version is out-of-date; connection to {operator} blocked for {n} mins/hr. For more information see {help_url}"},"delegated":[],"pause_days_per_year":90}', NULL);
INSERT INTO "audit" ("number", "at", "actor", "action", "subject", "before", "after", "note") VALUES (2, 1790842508, 'admin', 'key.create', '390593519c89', NULL, '{"id":"390593519c89","role":"gateway","tenant":"contoso","name":"mx","gateway":{"connector":"on_premises","postfix_refusals":true},"expires_at":null,"networks":null,"created_at":"2026-10-01T08:15:08Z","created_by":"admin","last_used_on":null}', 'key.create/390593519c89');
INSERT INTO "audit" ("number", "at", "actor", "action", "subject", "before", "after", "note") VALUES (3, 1790842508, 'admin', 'key.create', '4f73090605c9', NULL, '{"id":"4f73090605c9","role":"operator","tenant":"contoso","name":"helpdesk","gateway":null,"expires_at":null,"networks":null,"created_at":"2026-10-01T08:15:08Z","created_by":"admin","last_used_on":null}', 'key.create/4f73090605c9');
INSERT INTO "audit" ("number", "at", "actor", "action", "subject", "before", "after", "note") VALUES (4, 1790842508, 'admin', 'key.create', '7fdfd4099c2d', NULL, '{"id":"7fdfd4099c2d","role":"viewer","tenant":"contoso","name":"report","gateway":null,"expires_at":"2030-01-01T00:00:00Z","networks":["192.0.2.0/24"],"created_at":"2026-10-01T08:15:08Z","created_by":"admin","last_used_on":null}', 'key.create/7fdfd4099c2d');
INSERT INTO "audit" ("number", "at", "actor", "action", "subject", "before", "after", "note") VALUES (5, 1790842508, 'admin', 'key.create', 'bb649655b2d4', NULL, '{"id":"bb649655b2d4","role":"gateway","tenant":"contoso","name":"leaked","gateway":null,"expires_at":null,"networks":null,"created_at":"2026-10-01T08:15:08Z","created_by":"admin","last_used_on":null}', 'key.create/bb649655b2d4');
INSERT INTO "audit" ("number", "at", "actor", "action", "subject", "before", "after", "note") VALUES (6, 1790842508, 'admin', 'key.revoke', 'bb649655b2d4', '{"id":"bb649655b2d4","role":"gateway","tenant":"contoso","name":"leaked","gateway":null,"expires_at":null,"networks":null,"created_at":"2026-10-01T08:15:08Z","created_by":"admin","last_used_on":null}', NULL, 'key.revoke/bb649655b2d4');
CREATE INDEX server_silent_at ON server (silent_at) WHERE silent_at IS NOT NULL;
CREATE INDEX server_notify_at ON server (notify_at) WHERE notify_at IS NOT NULL;
CREATE INDEX server_state ON server (state, stage);
CREATE INDEX server_peer ON server (peer) WHERE peer IS NOT NULL;
CREATE TRIGGER server_added AFTER INSERT ON server BEGIN
        INSERT INTO standing (state, stage, servers) VALUES (NEW.state, COALESCE(NEW.stage, 0), 1)
            ON CONFLICT (state, stage) DO UPDATE SET servers = servers + 1; END;
CREATE TRIGGER server_removed AFTER DELETE ON server BEGIN
        UPDATE standing SET servers = servers - 1 WHERE state = OLD.state AND stage = COALESCE(OLD.stage, 0); END;
CREATE TRIGGER server_judged AFTER UPDATE OF state, stage ON server
        WHEN (OLD.state, OLD.stage) IS NOT (NEW.state, NEW.stage) BEGIN
        UPDATE standing SET servers = servers - 1 WHERE state = OLD.state AND stage = COALESCE(OLD.stage, 0);
        INSERT INTO standing (state, stage, servers) VALUES (NEW.state, COALESCE(NEW.stage, 0), 1)
            ON CONFLICT (state, stage) DO UPDATE SET servers = servers + 1; END;
CREATE INDEX transition_server ON transition (server, number);
CREATE INDEX transition_at ON transition (at);
CREATE INDEX evidence_node ON evidence (server, node, number);
CREATE INDEX notification_at ON notification (at);
CREATE INDEX machine_server ON machine (server);
CREATE INDEX machine_last_seen ON machine (last_seen);
CREATE INDEX published_peer_until ON published_peer (until);
CREATE INDEX audit_at ON audit (at);
CREATE INDEX outbox_turn ON outbox (rank, seq);
CREATE INDEX outbox_due ON outbox (due);
