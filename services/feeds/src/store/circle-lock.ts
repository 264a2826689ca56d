/** The lock that keeps work on timelines and changes of circles apart, so that no row is put into a timeline by a friendship that has just ended. */
import type { Queryable } from '@switchyard/kit/postgres/database';

/** First of the two keys of every such advisory lock; the second is the bucket. */
const LOCK_SPACE = 0xfeed;
/** One lock a bucket, not one a person: a person with 5,000 friends must not need 5,000 places in PostgreSQL's lock table. */
const BUCKETS = 512;

const bucketOf = (personId: string): string => `(uuid_hash(${personId}) & ${BUCKETS - 1})`;

/**
 * SQL condition: takes the circle of `personId` for reading, without waiting; false when somebody is changing it. Work that gets false is
 * left for the next round, so that whoever changes circles never waits for somebody who waits for them.
 */
export const holdsCircle = (personId: string): string =>
  `pg_try_advisory_xact_lock_shared(${LOCK_SPACE}, ${bucketOf(personId)})`;

/** Takes the circles of these people for changing, until the transaction ends. Sorted, so that two changers never wait for each other. */
export const changeCircles = (tx: Queryable, personIds: readonly string[]): Promise<unknown> =>
  tx.query(
    `SELECT pg_advisory_xact_lock(${LOCK_SPACE}, bucket)
     FROM (SELECT DISTINCT ${bucketOf('id')} AS bucket FROM unnest($1::uuid[]) id ORDER BY 1 OFFSET 0) buckets`,
    [personIds],
  );

/** The same for everybody. */
export const changeAllCircles = (tx: Queryable): Promise<unknown> =>
  tx.query(
    `SELECT pg_advisory_xact_lock(${LOCK_SPACE}, bucket) FROM generate_series(0, ${BUCKETS - 1}) bucket ORDER BY bucket`,
  );
