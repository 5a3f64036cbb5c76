-- The users of the example, all made up. A later migration may add, never take away: the version before runs meanwhile.
CREATE TABLE users (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  email TEXT NOT NULL UNIQUE,
  city TEXT NOT NULL,
  joined TEXT NOT NULL -- a day, ISO 8601
) STRICT;

INSERT INTO users (id, name, email, city, joined) VALUES
  (1, 'Anna Lindqvist', 'anna@example.com', 'Uppsala', '2024-01-15'),
  (2, 'Annabel Okafor', 'annabel@example.com', 'Lagos', '2024-02-03'),
  (3, 'Bruno Keller', 'bruno@example.com', 'Bern', '2024-02-20'),
  (4, 'Chiara D''Amico', 'chiara@example.com', 'Bari', '2024-03-11'),
  (5, 'Dmitri Annenkov', 'dmitri@example.com', 'Tartu', '2024-04-02'),
  (6, 'Esra Yilmaz', 'esra@example.com', 'Izmir', '2024-05-27'),
  (7, 'Farah Haddad', 'farah@example.com', 'Amman', '2024-06-09'),
  (8, 'Goran Petrov', 'goran@example.com', 'Skopje', '2024-07-30'),
  (9, 'Hana Novak', 'hana@example.com', 'Brno', '2024-08-14'),
  (10, 'Jo 100% Real', 'jo@example.com', 'Cork', '2024-09-01'),
  (11, 'Kofi Mensah', 'kofi@example.com', 'Accra', '2024-10-18'),
  (12, 'Lucía Fernández', 'lucia@example.com', 'Oviedo', '2024-11-05');
