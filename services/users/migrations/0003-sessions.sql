-- Sessions: families of rotating refresh tokens, of which only hashes are kept.

CREATE TABLE session (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES account ON DELETE CASCADE,
  family_hash bytea NOT NULL UNIQUE,
  -- Of the one token that is good now.
  token_hash bytea NOT NULL,
  opened_at timestamptz(3) NOT NULL,
  used_at timestamptz(3) NOT NULL,
  lapses_at timestamptz(3) NOT NULL
);
CREATE INDEX session_account ON session (account_id, used_at);
CREATE INDEX session_lapse ON session (lapses_at);

-- Tokens rotated within the grace, each with the salt that makes its successor again.
CREATE TABLE rotated_token (
  session_id uuid NOT NULL REFERENCES session ON DELETE CASCADE,
  token_hash bytea NOT NULL,
  salt bytea NOT NULL,
  rotated_at timestamptz(3) NOT NULL,
  PRIMARY KEY (session_id, token_hash)
);

-- What gateways are told. Read in the order of (txid, position) and only below the oldest running transaction:
-- a position alone is not commit order, and who remembers the last one would miss what commits late.
CREATE TABLE ended_session (
  txid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  position bigint GENERATED ALWAYS AS IDENTITY,
  session_id uuid NOT NULL,
  ended_at timestamptz(3) NOT NULL,
  PRIMARY KEY (txid, position)
);
CREATE INDEX ended_session_age ON ended_session (ended_at);
