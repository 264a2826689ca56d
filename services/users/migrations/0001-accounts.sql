-- Accounts, the handles that are held or rest, and the words that people are found by.
-- Text that is sorted or searched by ranges is COLLATE "C": the same order on every server, and cursors that stay true.

CREATE TABLE account (
  id uuid PRIMARY KEY,
  handle text COLLATE "C" NOT NULL UNIQUE,
  name text NOT NULL,
  bio text NOT NULL DEFAULT '',
  email text COLLATE "C" NOT NULL,
  password_hash text NOT NULL,
  created_at timestamptz(3) NOT NULL
);
CREATE UNIQUE INDEX account_email ON account (lower(email));

-- Every handle that is held by an account, or was given up lately (released_at is set). account_id becomes null with its account.
CREATE TABLE handle_claim (
  handle text COLLATE "C" PRIMARY KEY,
  account_id uuid REFERENCES account ON DELETE SET NULL,
  released_at timestamptz(3)
);
CREATE INDEX handle_claim_account ON handle_claim (account_id);
CREATE INDEX handle_claim_released ON handle_claim (released_at) WHERE released_at IS NOT NULL;

-- One row for each word; the handle is repeated so that a page of matches is one range of the primary key.
CREATE TABLE search_term (
  term text COLLATE "C" NOT NULL,
  handle text COLLATE "C" NOT NULL,
  user_id uuid NOT NULL REFERENCES account ON DELETE CASCADE,
  PRIMARY KEY (term, handle)
);
CREATE INDEX search_term_user ON search_term (user_id, term);
