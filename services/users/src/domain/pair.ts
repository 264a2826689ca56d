/** Two people, in the one order in which everything about them is locked, stored and told. */

export interface Pair {
  /** The smaller id. */
  readonly a: string;
  readonly b: string;
}

/** @throws RangeError for one person twice */
export function pairOf(one: string, other: string): Pair {
  if (one === other) throw new RangeError('a pair is two different people');
  return one < other ? { a: one, b: other } : { a: other, b: one };
}

/** Subject of the pair's events. */
export const subjectOf = (pair: Pair): string => `${pair.a}:${pair.b}`;
