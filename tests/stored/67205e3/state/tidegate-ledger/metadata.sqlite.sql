CREATE TABLE _cf_ALARM (
      actor_id TEXT PRIMARY KEY,
      scheduled_time INTEGER,
      actor_name TEXT
    ) WITHOUT ROWID;
INSERT INTO "_cf_ALARM" ("actor_id", "scheduled_time", "actor_name") VALUES ('9773627737cd81119f462d44378509e8f11289303e5f65fd8b160dcdd9629612', 1795981497831000000, 'contoso');
