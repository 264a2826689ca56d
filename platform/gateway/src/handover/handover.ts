/** Hands the door on without a lost request: what SIGUSR2 means to this gateway, and whether another one goes on when it leaves. */
import type { Logger } from '@switchyard/kit/log';
import { nextDoorStage } from './door-stage.ts';
import type { DoorSignal, DoorStage } from './door-stage.ts';
import type { GivenSockets } from './inherited-sockets.ts';
import { answers200 } from './private-port.ts';
import { startSuccessor } from './successor.ts';
import type { Companion } from './successor.ts';

export interface HandoverOptions {
  /** Null: it was given no private port, and cannot hand over. */
  readonly self: Companion | null;
  readonly launchFile: string | undefined;
  /** The one whose listening sockets this one was given, and who accepts until this one has been told to. */
  readonly predecessor: Companion | null;
  /** Of the door and the admin interface; throws when one does not listen. */
  readonly sockets: () => GivenSockets;
  /** Begins to accept at the door. */
  readonly open: () => Promise<void>;
  readonly log: Logger;
}

export class Handover {
  private readonly options: HandoverOptions;
  private readonly companions: Companion[];
  private stageNow: DoorStage = 'starting';
  private turn: Promise<void> = Promise.resolve();

  constructor(options: HandoverOptions) {
    this.options = options;
    this.companions = options.predecessor === null ? [] : [options.predecessor];
  }

  get stage(): DoorStage {
    return this.stageNow;
  }

  /** There is a table. A successor waits until it is told; everybody else accepts at once. */
  async prepared(): Promise<void> {
    if (this.options.predecessor === null) return this.accept();
    this.move('prepared');
  }

  /** SIGUSR2: whoever waits takes the door over; whoever accepts there starts its successor. Never rejects. */
  told(): Promise<void> {
    this.turn = this.turn.then(async () => {
      const { log } = this.options;
      try {
        if (this.stage === 'waiting') await this.accept();
        else if (this.stage === 'accepting') await this.startSuccessor();
        else log.warn({ stage: this.stage }, 'SIGUSR2 has no meaning now');
      } catch (error) {
        log.error({ err: error }, 'the handover failed');
      }
    });
    return this.turn;
  }

  /** Answers whether another gateway accepts at this door: then nobody needs to be hurried out of this one. */
  async leave(): Promise<boolean> {
    await this.turn;
    const wasOpen = this.stage === 'accepting';
    this.move('told to leave');
    if (!wasOpen) return false;
    const answers = await Promise.all(this.companions.map((companion) => answers200(companion, '/-/accepting')));
    return answers.includes(true);
  }

  private async accept(): Promise<void> {
    await this.options.open();
    this.move('opened');
  }

  private async startSuccessor(): Promise<void> {
    const { self, launchFile, sockets, log } = this.options;
    if (self === null || launchFile === undefined)
      return log.warn('a successor needs SUCCESSOR_FILE and TCP_PORT, which this gateway was not given');
    const successor = await startSuccessor({ launchFile, sockets: sockets(), self, log });
    if (successor === null) return log.warn({ launchFile }, 'SIGUSR2 without a launch file');
    this.companions.push(successor);
  }

  private move(signal: DoorSignal): void {
    this.stageNow = nextDoorStage(this.stageNow, signal);
  }
}
