/** The side of an exchange that asked and waits for the answer, whatever carries it: node:http, HTTP/2, or the fast lane. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Refusal } from '@switchyard/kit/errors';
import type { ClientConnection } from './client-connection.ts';

/** Who takes a request's body as it arrives. Nothing is told after `pauseBody` until `resumeBody`, nor after `discardBody`. */
export interface BodyReader {
  /** The memory of `piece` is used again when the call returns. */
  bodyData(piece: Buffer): void;
  bodyEnded(): void;
  /** The client left in the middle of it. */
  bodyBroken(): void;
}

/** The head of a request as it was read, not yet judged. */
export interface RequestHead {
  readonly method: string;
  /** As it stands in the request line. */
  readonly target: string;
  /** `1.0`, `1.1` or `2`; what else stands in the request line is refused. */
  readonly version: string;
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[];
  /** Why it is refused, where that shows before it is read; null or absent: it does not. */
  readonly refusal?: Refusal | null;
}

export interface ClientSide {
  readonly connection: ClientConnection;
  readonly head: RequestHead;
  /** Whether the client still waits: it has not left, and has not got its whole answer. */
  readonly isWanted: boolean;
  /** Whether a head of an answer was given. */
  readonly hasHead: boolean;
  /** Whether all of the answer was given and has left this process. */
  readonly isAnswered: boolean;
  /** Whether nothing of the request's body is still to come. */
  readonly hasWholeBody: boolean;
  /** Whether no other answer has to leave before this one (pipelining). */
  readonly isItsTurn: boolean;
  /** Bytes of the answer that wait here because the client takes them slowly. */
  readonly waitingBytes: number;

  /** Asks for a body that waits for `100 Continue`. */
  sendContinue(): void;
  readBody(reader: BodyReader): void;
  pauseBody(): void;
  resumeBody(): void;
  /** What is left of the body is read and thrown away, so that the answer gets through. */
  discardBody(): void;

  /**
   * The head of the answer; it waits for the first bytes of the body, or for `flush`, so that both leave together.
   *
   * @param reason '' stands for the usual one of the status
   * @param headers names and values in turn, without hop-by-hop headers; `content-length` is among them where it is known
   * @param bodyLength bytes of the body that will be written; -1: not known before its end
   */
  begin(status: number, reason: string, headers: string[], bodyLength: number): void;
  /** What was given leaves without waiting for more. */
  flush(): void;
  /** The memory of `piece` is its giver's again when the call returns. false: there is enough under way; `onDrain` is called when more is wanted. */
  write(chunk: Buffer): boolean;
  onDrain(wake: () => void): void;
  /** @param trailers fields after a body of unknown length; left out where the client did not ask for them */
  end(trailers?: readonly [string, string][]): void;
  /** This answer is the last on its connection. */
  closeAfter(): void;
  /** What was sent is not the whole answer, and the client must not take it for that. */
  cut(): void;
  /** Lets an application of node:http answer instead. */
  answerBy(application: (request: IncomingMessage, response: ServerResponse) => void): void;
}
