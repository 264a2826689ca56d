/** How far one looks for friends of friends. */

/**
 * Steps from a friend to a friend's friend. Up to this many (500 friends with 500 each) suggestions and their counts are
 * exact; beyond, for whom nearly everybody is a friend of a friend, they are those among the friends that come first by handle.
 */
export const SUGGESTION_WALK_MAX = 250_000;
