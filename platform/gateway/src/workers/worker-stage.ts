/** Where the first worker sees another one stand, and what leads from one stage to the next, as a table; pure. */

/**
 * starting: its process was made. serving: it takes connections. retiring: it leaves by itself, and another process takes its
 * place. leaving: it leaves with the whole gateway. pausing: it has ended and is started again after a while. gone: it has ended.
 */
export type WorkerStage = 'starting' | 'serving' | 'retiring' | 'leaving' | 'pausing' | 'gone';
export type WorkerSignal = 'opened' | 'wants to leave' | 'gateway leaves' | 'ended' | 'pause over';

const TRANSITIONS: { readonly [S in WorkerStage]: { readonly [G in WorkerSignal]: WorkerStage } } = {
  starting: {
    opened: 'serving',
    'wants to leave': 'retiring',
    'gateway leaves': 'leaving',
    ended: 'pausing',
    'pause over': 'starting',
  },
  serving: {
    opened: 'serving',
    'wants to leave': 'retiring',
    'gateway leaves': 'leaving',
    ended: 'pausing',
    'pause over': 'serving',
  },
  retiring: {
    opened: 'retiring',
    'wants to leave': 'retiring',
    'gateway leaves': 'leaving',
    ended: 'pausing',
    'pause over': 'retiring',
  },
  leaving: {
    opened: 'leaving',
    'wants to leave': 'leaving',
    'gateway leaves': 'leaving',
    ended: 'gone',
    'pause over': 'leaving',
  },
  pausing: {
    opened: 'pausing',
    'wants to leave': 'pausing',
    'gateway leaves': 'gone',
    ended: 'pausing',
    'pause over': 'starting',
  },
  gone: {
    opened: 'gone',
    'wants to leave': 'gone',
    'gateway leaves': 'gone',
    ended: 'gone',
    'pause over': 'gone',
  },
};

export const nextWorkerStage = (stage: WorkerStage, signal: WorkerSignal): WorkerStage => TRANSITIONS[stage][signal];
