/** Where a gateway stands at its door, and what leads from one stage to the next, as a table; pure. */

/**
 * starting: nothing is known to route by. waiting: a successor that could take the door over and has not been told to.
 * accepting: takes connections. leaving: takes none any more.
 */
export type DoorStage = 'starting' | 'waiting' | 'accepting' | 'leaving';
export type DoorSignal = 'prepared' | 'opened' | 'told to leave';

const TRANSITIONS: { readonly [S in DoorStage]: { readonly [G in DoorSignal]: DoorStage } } = {
  starting: { prepared: 'waiting', opened: 'accepting', 'told to leave': 'leaving' },
  waiting: { prepared: 'waiting', opened: 'accepting', 'told to leave': 'leaving' },
  accepting: { prepared: 'accepting', opened: 'accepting', 'told to leave': 'leaving' },
  leaving: { prepared: 'leaving', opened: 'leaving', 'told to leave': 'leaving' },
};

export const nextDoorStage = (stage: DoorStage, signal: DoorSignal): DoorStage => TRANSITIONS[stage][signal];
