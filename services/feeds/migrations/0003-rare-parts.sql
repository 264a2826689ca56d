-- Parts of a post's JSON that few posts have. As functions they cost nothing until they are called; as subqueries they were a fifth of
-- what a page costs, since a plan is set up whole each time it runs.

-- The people mentioned, but for those between whom and the viewer there is a block.
CREATE FUNCTION mentions_json(ids uuid[], hidden uuid[]) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT '[' || coalesce(string_agg(m.card, ',' ORDER BY mentioned.place), '') || ']'
  FROM unnest(ids) WITH ORDINALITY AS mentioned(id, place)
  JOIN person m ON m.id = mentioned.id
  WHERE m.deleted_at IS NULL AND m.id <> ALL (hidden)
$$;

CREATE FUNCTION likes_by(people uuid[], post uuid) RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT count(*) FROM liking WHERE post_id = post AND person_id = ANY (people)
$$;

CREATE FUNCTION comments_by(people uuid[], post uuid) RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT count(*) FROM comment WHERE post_id = post AND author_id = ANY (people)
$$;
