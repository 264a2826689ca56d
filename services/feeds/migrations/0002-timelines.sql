-- Home timelines, and the durable work that keeps them equal to what graph and posts say.

-- Which posts stand in whose feed. `tx` is the transaction that put a new post there: streams resume by it, because posts do
-- not arrive in the order of their ids. Rows of an older time, put in when a friendship began, have 0 and are not streamed.
CREATE TABLE timeline (
  owner_id  uuid NOT NULL,
  post_id   uuid NOT NULL,
  author_id uuid NOT NULL,
  tx        xid8 NOT NULL DEFAULT pg_current_xact_id(),
  PRIMARY KEY (owner_id, post_id)
);

-- A post that has still to be put into its author's friends' timelines; `after` is the last friend who has it.
CREATE TABLE fan_out (
  post_id    uuid PRIMARY KEY,
  author_id  uuid NOT NULL,
  after      uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
  written_at timestamptz NOT NULL
);

-- A pair whose friendship began or ended: every post of the author is to be in the owner's timeline, or none. Which of the two is
-- read from `circle` when the work is done, so that it does not matter how often they changed their minds. `below` is how far it got.
CREATE TABLE reconciliation (
  owner_id  uuid NOT NULL,
  author_id uuid NOT NULL,
  below     uuid NOT NULL DEFAULT 'ffffffff-ffff-ffff-ffff-ffffffffffff',
  queued_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (owner_id, author_id)
);
CREATE INDEX reconciliation_by_author ON reconciliation (author_id);
CREATE INDEX reconciliation_by_age ON reconciliation (queued_at);

-- A deleted account whose posts, comments, likes and timeline have still to go.
CREATE TABLE erasure (
  person_id uuid PRIMARY KEY,
  queued_at timestamptz NOT NULL DEFAULT now()
);

-- A post whose mentions could not be resolved when it was written.
CREATE TABLE unresolved_mention (
  post_id    uuid PRIMARY KEY REFERENCES post ON DELETE CASCADE,
  attempts   integer NOT NULL DEFAULT 1,
  not_before timestamptz NOT NULL
);
CREATE INDEX unresolved_mention_by_time ON unresolved_mention (not_before);
