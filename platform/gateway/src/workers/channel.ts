/** One end of the line between two workers of a gateway: notices, and questions whose answers are waited for no longer than a while. */
import type { Socket } from 'node:net';
import type { NoticeName, Notices, QuestionName, Questions } from './messages.ts';

/** What carries messages, in order, until it is broken. */
export interface Line {
  /** Answers nothing; what cannot be sent is lost, as the other side is. */
  send(message: object): void;
  /** With a connection, which is not open here any more when it was sent. */
  sendWith(message: object, socket: Socket, failed: () => void): void;
  /** The other side is gone: connections that were not sent are still here. */
  close(): void;
}

/** A process at the other end of a channel: a child, or for a child itself its parent. */
interface Reachable {
  send?(message: object, socket: undefined, options: undefined, sent: (error: Error | null) => void): boolean;
  send?(message: object, socket: Socket, options: { keepOpen: boolean }, sent: (error: Error | null) => void): boolean;
}

/** Connections that Node.js is given to send at a time: it sends the second when the other side has said that it has the first. */
const SENDING_MAX = 2;
/** One that could not be sent within this time is better served where it is. */
const SEND_WITHIN_MS = 50;

export function lineOf(other: Reachable, after: ChannelOptions['after']): Line {
  /** In the order in which they came; each with what is to be done when it is too late. */
  const waiting = new Map<Socket, { readonly send: () => void; readonly failed: () => void }>();
  const sending = new Set<() => void>();
  const sendNext = (): void => {
    for (const [socket, { send }] of waiting) {
      if (sending.size >= SENDING_MAX) return;
      waiting.delete(socket);
      send();
    }
  };
  return {
    // Without a callback, what cannot be sent any more would be an error of the process.
    send: (message) => void other.send?.(message, undefined, undefined, () => undefined),
    sendWith: (message, socket, failed) => {
      // Else its server would keep a list of what it has given away, and wait for the end of that when it closes.
      (socket as Socket & { server: unknown }).server = null;
      const cancel = after(SEND_WITHIN_MS, () => {
        if (waiting.delete(socket)) failed();
      });
      const send = (): void => {
        cancel();
        if (other.send === undefined) return failed();
        sending.add(failed);
        other.send(message, socket, { keepOpen: true }, (error) => {
          if (!sending.delete(failed)) return;
          if (error === null) socket.destroy();
          else failed();
          sendNext();
        });
      };
      waiting.set(socket, { send, failed });
      sendNext();
    },
    close: () => {
      const all = [...sending, ...Array.from(waiting.values(), ({ failed }) => failed)];
      sending.clear();
      waiting.clear();
      for (const failed of all) failed();
    },
  };
}

export type OnNotice = { readonly [N in NoticeName]?: (said: Notices[N], socket: Socket | undefined) => void };
export type OnQuestion = {
  readonly [Q in QuestionName]?: (
    asked: Questions[Q]['asked'],
  ) => Questions[Q]['answer'] | Promise<Questions[Q]['answer']>;
};

export interface ChannelOptions {
  readonly line: Line;
  readonly after: (delayMs: number, run: () => void) => () => void;
  readonly onNotice: OnNotice;
  readonly onQuestion: OnQuestion;
  /** A question that could not be answered; whoever asked waits in vain. */
  readonly onFault: (error: unknown) => void;
}

type Message =
  | { readonly kind: 'notice'; readonly name: NoticeName; readonly said: unknown }
  | { readonly kind: 'question'; readonly name: QuestionName; readonly nth: number; readonly asked: unknown }
  | { readonly kind: 'answer'; readonly nth: number; readonly answer: unknown };

/** Questions that wait for an answer at a time; one more is not asked. */
const WAITING_MAX = 10_000;

export class Channel {
  private readonly options: ChannelOptions;
  private readonly waiting = new Map<number, (answer: unknown) => void>();
  private asked = 0;
  private isClosed = false;

  constructor(options: ChannelOptions) {
    this.options = options;
  }

  tell<N extends NoticeName>(name: N, said: Notices[N]): void {
    this.send({ kind: 'notice', name, said });
  }

  /** With a connection; `failed`: it is still here. */
  tellWith<N extends NoticeName>(name: N, said: Notices[N], socket: Socket, failed: () => void): void {
    this.options.line.sendWith({ kind: 'notice', name, said } satisfies Message, socket, failed);
  }

  /** Null: no answer came within that time, or the other side is gone. */
  ask<Q extends QuestionName>(
    name: Q,
    asked: Questions[Q]['asked'],
    withinMs: number,
  ): Promise<Questions[Q]['answer'] | null> {
    if (this.isClosed || this.waiting.size >= WAITING_MAX) return Promise.resolve(null);
    const nth = (this.asked += 1);
    return new Promise((resolve) => {
      const settle = (answer: unknown): void => {
        this.waiting.delete(nth);
        cancel();
        resolve(answer as Questions[Q]['answer'] | null);
      };
      const cancel = this.options.after(withinMs, () => settle(null));
      this.waiting.set(nth, settle);
      this.send({ kind: 'question', name, nth, asked });
    });
  }

  /** A message of the other side. */
  take(received: unknown, socket?: Socket): void {
    const message = received as Message;
    if (message.kind === 'notice') this.options.onNotice[message.name]?.(message.said as never, socket);
    else if (message.kind === 'answer') this.waiting.get(message.nth)?.(message.answer);
    else if (message.kind === 'question') this.answer(message).catch(this.options.onFault);
  }

  /** The other side is gone: nobody waits for its answers any more. */
  close(): void {
    this.isClosed = true;
    this.options.line.close();
    for (const settle of this.waiting.values()) settle(null);
  }

  private async answer({ name, nth, asked }: Extract<Message, { kind: 'question' }>): Promise<void> {
    const given = await this.options.onQuestion[name]?.(asked as never);
    if (given !== undefined) this.send({ kind: 'answer', nth, answer: given });
  }

  private send(message: Message): void {
    this.options.line.send(message);
  }
}
