CREATE TABLE _cf_ALARM (
      actor_id TEXT PRIMARY KEY,
      scheduled_time INTEGER,
      actor_name TEXT
    ) WITHOUT ROWID;
INSERT INTO "_cf_ALARM" ("actor_id", "scheduled_time", "actor_name") VALUES ('cf0ab53ade91d3207359ee6080c228cfafdf8289f090e6d790e863920f9c9c8b', 1796005225385000000, 'operator');
