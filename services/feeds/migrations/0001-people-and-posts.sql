-- People, friendships and blocks as Users' events tell them; posts, comments and likes, which are Feeds' own.

-- The JSON of a string. to_json(text) is declared STABLE because of other types; for text it depends on nothing else.
CREATE FUNCTION json_string(value text) RETURNS text
  LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN to_json(value)::text;

-- ISO 8601 in UTC with milliseconds, as JSON; to_char is STABLE because of localised patterns, which this one has none of.
CREATE FUNCTION json_time(value timestamptz) RETURNS text
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN coalesce('"' || to_char(value AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS') || 'Z"', 'null');

-- One row for each person ever heard of, the deleted included: their row is the tombstone that late events and
-- identity tokens that are still valid run into. `card` is the person as JSON, made once instead of on every page.
CREATE TABLE person (
  id         uuid PRIMARY KEY,
  handle     text,
  name       text,
  deleted_at timestamptz,
  card       text GENERATED ALWAYS AS (
    '{"id":"' || id || '","handle":' || json_string(handle) || ',"name":' || json_string(name) || '}'
  ) STORED,
  CHECK ((deleted_at IS NULL) = (handle IS NOT NULL)),
  CHECK ((handle IS NULL) = (name IS NULL))
);
-- Not unique: a handle may pass from one person to another, and their events are ordered only each for itself.
CREATE INDEX person_by_handle ON person (handle);

-- Whose posts a person sees: a row for themselves and one for each friend. Friendship is symmetric, so is this table.
CREATE TABLE circle (
  person_id uuid NOT NULL,
  member_id uuid NOT NULL,
  PRIMARY KEY (person_id, member_id)
);

CREATE TABLE block (
  blocker_id uuid NOT NULL,
  blocked_id uuid NOT NULL,
  PRIMARY KEY (blocker_id, blocked_id)
);
CREATE INDEX block_by_blocked ON block (blocked_id);

-- `id` is a UUIDv7: its order is the order of posts. `card` is the part of the JSON that is the same for every reader, open at its end.
CREATE TABLE post (
  id         uuid PRIMARY KEY,
  author_id  uuid NOT NULL,
  text       text NOT NULL,
  mentions   uuid[] NOT NULL DEFAULT '{}',
  created_at timestamptz(3) NOT NULL,
  edited_at  timestamptz(3),
  likes      integer NOT NULL DEFAULT 0 CHECK (likes >= 0),
  comments   integer NOT NULL DEFAULT 0 CHECK (comments >= 0),
  card       text NOT NULL GENERATED ALWAYS AS (
    '{"id":"' || id || '","text":' || json_string(text)
    || ',"createdAt":' || json_time(created_at) || ',"editedAt":' || json_time(edited_at)
  ) STORED
) WITH (fillfactor = 85); -- room for new versions of a row beside it, as the counts change
CREATE INDEX post_by_author ON post (author_id, id);

CREATE TABLE comment (
  id         uuid PRIMARY KEY,
  post_id    uuid NOT NULL REFERENCES post ON DELETE CASCADE,
  author_id  uuid NOT NULL,
  text       text NOT NULL,
  created_at timestamptz(3) NOT NULL
);
CREATE INDEX comment_by_post ON comment (post_id, id);
CREATE INDEX comment_by_author ON comment (author_id);

CREATE TABLE liking (
  post_id   uuid NOT NULL REFERENCES post ON DELETE CASCADE,
  person_id uuid NOT NULL,
  PRIMARY KEY (post_id, person_id)
);
CREATE INDEX liking_by_person ON liking (person_id);
