/** The JSON of posts and comments, made by PostgreSQL as the text that is answered: a page is rendered in the query that finds it. */

/** `WITH` entry `hidden(ids)`: everybody between whom and the viewer there is a block, in either direction. Only read where a count or mention needs it. */
export const hiddenFrom = (viewer: string): string => `hidden AS (
  SELECT ARRAY(
    SELECT blocked_id FROM block WHERE blocker_id = ${viewer}
    UNION ALL SELECT blocker_id FROM block WHERE blocked_id = ${viewer}
  ) AS ids
)`;

/**
 * SQL expression: post `p` (a row of `post`) as `viewer` sees it. `author` is an expression for the author's card, `hidden` one for
 * the ids that hiddenFrom() collects: their likes and comments are not counted, as their comments are not listed.
 */
export function postJson(viewer: string, author = 'a.card', hidden = '(SELECT ids FROM hidden)'): string {
  const visible = (total: string, by: string) =>
    `CASE WHEN ${total} = 0 OR ${hidden} = '{}' THEN ${total} ELSE ${total} - ${by}(${hidden}, p.id) END`;
  return `p.card || ',"author":' || ${author}
    || ',"mentions":' || CASE WHEN p.mentions = '{}' THEN '[]' ELSE mentions_json(p.mentions, ${hidden}) END
    || ',"likes":' || ${visible('p.likes', 'likes_by')}
    || ',"liked":' || CASE WHEN p.likes = 0 THEN false ELSE EXISTS (
         SELECT FROM liking l WHERE l.post_id = p.id AND l.person_id = ${viewer}
       ) END
    || ',"comments":' || ${visible('p.comments', 'comments_by')}
    || '}'`;
}

/** SQL expression: comment `c` (a row of `comment`) with its author's card `a.card`. */
export const commentJson = `'{"id":"' || c.id || '","text":' || json_string(c.text)
  || ',"createdAt":' || json_time(c.created_at) || ',"author":' || a.card || '}'`;

/**
 * `FROM` items: row `p` of `post` and card `a` of its author for the post whose id and author are given. LATERAL with OFFSET 0 keeps the planner
 * at one index probe each for the few rows of a page, whatever it believes about the sizes of the tables.
 */
export const postAndAuthor = (postId: string, authorId: string): string => `
  CROSS JOIN LATERAL (SELECT * FROM post WHERE id = ${postId} OFFSET 0) p
  CROSS JOIN LATERAL (SELECT card FROM person WHERE id = ${authorId} AND deleted_at IS NULL OFFSET 0) a`;
