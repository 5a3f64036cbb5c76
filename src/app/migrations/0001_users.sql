-- see users-rows.ts
CREATE TABLE users (id INTEGER PRIMARY KEY) STRICT;
