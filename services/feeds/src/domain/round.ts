/** How one round of background work ended: there is more to do, nothing is left, or all of what is left is held by somebody for a moment. */
export type RoundResult = 'more' | 'done' | 'held';
