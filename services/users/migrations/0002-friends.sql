-- Requests while they are open, friendships, blocks.

CREATE TABLE friend_request (
  id uuid PRIMARY KEY,
  from_id uuid NOT NULL REFERENCES account ON DELETE CASCADE,
  to_id uuid NOT NULL REFERENCES account ON DELETE CASCADE,
  created_at timestamptz(3) NOT NULL,
  CHECK (from_id <> to_id)
);
-- One open request between two people, whoever asked.
CREATE UNIQUE INDEX friend_request_pair ON friend_request (LEAST(from_id, to_id), GREATEST(from_id, to_id));
CREATE INDEX friend_request_incoming ON friend_request (to_id, id);
CREATE INDEX friend_request_outgoing ON friend_request (from_id, id);

-- Two rows for each friendship, one from either side. The friend's handle is repeated, so that a page of friends by handle
-- is one range of an index, and so that friends of friends are counted without touching their accounts.
CREATE TABLE friendship (
  user_id uuid NOT NULL REFERENCES account ON DELETE CASCADE,
  friend_id uuid NOT NULL REFERENCES account ON DELETE CASCADE,
  friend_handle text COLLATE "C" NOT NULL,
  -- The request that user_id accepted, so that accepting it again is answered the same.
  accepted_request uuid,
  started_at timestamptz(3) NOT NULL,
  PRIMARY KEY (user_id, friend_id),
  CHECK (user_id <> friend_id)
);
CREATE UNIQUE INDEX friendship_by_handle ON friendship (user_id, friend_handle) INCLUDE (friend_id);
CREATE INDEX friendship_friend ON friendship (friend_id);
CREATE INDEX friendship_request ON friendship (accepted_request) WHERE accepted_request IS NOT NULL;

CREATE TABLE block (
  id uuid PRIMARY KEY,
  blocker_id uuid NOT NULL REFERENCES account ON DELETE CASCADE,
  blocked_id uuid NOT NULL REFERENCES account ON DELETE CASCADE,
  UNIQUE (blocker_id, blocked_id),
  CHECK (blocker_id <> blocked_id)
);
CREATE INDEX block_newest ON block (blocker_id, id);
CREATE INDEX block_blocked ON block (blocked_id, blocker_id);

-- Pairs that events were ever published about: what has to be erased with either account.
CREATE TABLE told_pair (
  a uuid NOT NULL REFERENCES account ON DELETE CASCADE,
  b uuid NOT NULL REFERENCES account ON DELETE CASCADE,
  PRIMARY KEY (a, b),
  CHECK (a < b)
);
CREATE INDEX told_pair_b ON told_pair (b);
