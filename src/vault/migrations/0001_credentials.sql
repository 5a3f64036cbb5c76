-- Credentials for upstream services, each sealed (src/crypto/row-seal.ts). An example row:
--   owner    'mJ3…' (a digest: the table names nobody)   service 'tracker'   name 'key'
--   key      '2026-11' (the ring key that sealed it)      sealed  01 0000009c …
--   version  'x1Yz…' (another with every new value)       created_at_ms, updated_at_ms 1763700000000
--   lease_until_ms  1763700020000 (until then somebody renews it), or 0   is_revoked  1 when the upstream ended it for good
CREATE TABLE credentials (
  owner TEXT NOT NULL,
  service TEXT NOT NULL,
  name TEXT NOT NULL,
  key TEXT NOT NULL,
  sealed BLOB NOT NULL,
  version TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL,
  lease_until_ms INTEGER NOT NULL DEFAULT 0,
  is_revoked INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (owner, service, name)
) STRICT, WITHOUT ROWID;
