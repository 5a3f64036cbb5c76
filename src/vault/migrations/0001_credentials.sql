-- The vault writes this; see rows.ts.
CREATE TABLE credentials (owner TEXT NOT NULL) STRICT;
