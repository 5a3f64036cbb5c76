-- Credentials for upstream services, each sealed (src/crypto/row-seal.ts). An example row:
--   owner    'mJ3…' (a digest: the table names nobody)   service 'tracker'   name 'key'
--   key      '2026-11' (the ring key that sealed it)      sealed  01 0000009c …
--   version  'x1Yz…' (another with every new value)       since, updated 1763700000000 (milliseconds)
--   lease    1763700020000 (until then somebody renews it), or 0   over  1 when the upstream ended it for good
CREATE TABLE credentials (
  owner TEXT NOT NULL,
  service TEXT NOT NULL,
  name TEXT NOT NULL,
  key TEXT NOT NULL,
  sealed BLOB NOT NULL,
  version TEXT NOT NULL,
  since INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  lease INTEGER NOT NULL DEFAULT 0,
  over INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (owner, service, name)
) STRICT, WITHOUT ROWID;
