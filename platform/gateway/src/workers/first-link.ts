/** The line of a further worker to the first one: what it was told, what it asks, and that it is to leave when the line is broken. */
import type { Socket } from 'node:net';
import type { Clock } from '@switchyard/kit/clock';
import type { Logger } from '@switchyard/kit/log';
import { Channel, lineOf } from './channel.ts';
import type { OnNotice } from './channel.ts';
import type { Notices, WantedFigures, WorkerFigures } from './messages.ts';

/** How long the first one is waited for. */
const WORD_MS = 2_000;

export interface FirstLinkOptions {
  /** This process, which was started with a channel. */
  readonly process: NodeJS.Process;
  readonly clock: Clock;
  readonly log: Logger;
  readonly figures: (wanted: WantedFigures) => Promise<WorkerFigures>;
  readonly onNotice: Omit<OnNotice, 'welcome' | 'leave'>;
  /** To leave, and how; told again when there is no time any more. */
  readonly onLeave: (how: Notices['leave']) => void;
}

export class FirstLink {
  readonly channel: Channel;
  /** What the first one says to one that has just started. */
  readonly welcome: Promise<Notices['welcome']>;
  private readonly word = Promise.withResolvers<Notices['leave']>();
  private readonly after: Clock['after'];

  constructor(options: FirstLinkOptions) {
    const { process, clock, log, onLeave } = options;
    this.after = clock.after;
    const welcome = Promise.withResolvers<Notices['welcome']>();
    this.welcome = welcome.promise;
    const leave = (how: Notices['leave']): void => {
      this.word.resolve(how);
      onLeave(how);
    };
    this.channel = new Channel({
      line: lineOf(process, clock.after),
      after: clock.after,
      onNotice: { ...options.onNotice, welcome: welcome.resolve, leave },
      onQuestion: { figures: options.figures },
      onFault: (error) => log.error({ err: error }, 'the first worker could not be answered'),
    });
    process.on('message', (message, socket) => this.channel.take(message, socket as Socket | undefined));
    process.on('disconnect', () => {
      log.warn('the first worker is gone');
      this.channel.close();
      // Whoever comes after it opens the door anew, and must find nobody there.
      leave({ isShared: false });
    });
  }

  /** How to leave: as the first one has said or says now; in haste if it does not. */
  async leaving(): Promise<Notices['leave']> {
    this.channel.tell('wants to leave', {});
    const inHaste = Promise.withResolvers<Notices['leave']>();
    const cancel = this.after(WORD_MS, () => inHaste.resolve({ isShared: false }));
    const how = await Promise.race([this.word.promise, inHaste.promise]);
    cancel();
    return how;
  }

  /** Nothing is counted any more. Resolves when the first one has it, or does not answer. */
  async farewell(figures: WorkerFigures): Promise<void> {
    await this.channel.ask('farewell', figures, WORD_MS);
  }
}
