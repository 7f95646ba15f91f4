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
INSERT INTO "audit" ("number", "at", "actor", "action", "subject", "before", "after", "note") VALUES (1, 1790842508, 'admin', 'key.create', '42adbc024799', NULL, '{"id":"42adbc024799","role":"gateway","tenant":"fabrikam","name":"alone","gateway":null,"expires_at":null,"networks":null,"created_at":"2026-10-01T08:15:08Z","created_by":"admin","last_used_on":null}', 'key.create/42adbc024799');
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
