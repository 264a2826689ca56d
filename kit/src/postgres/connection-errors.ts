/** Tells a database that is away from a statement that was wrong. */
import { Unavailable } from '../errors.ts';

/**
 * The database cannot be reached, is overloaded or did not answer in time: 503 at the HTTP edge.
 * After a lost COMMIT it is unknown whether the transaction took place; only what may be done twice may be repeated.
 */
export class DatabaseAway extends Unavailable {
  constructor(cause: unknown) {
    super(`database away: ${cause instanceof Error ? cause.message || cause.name : String(cause)}`, { cause });
    this.name = 'DatabaseAway';
  }
}

const SYSTEM_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EPIPE',
  'ETIMEDOUT',
]);

/** SQLSTATE 08: connection; 57P01 to 57P03: shutting down, crashed, starting up; 53: out of connections or memory; 25P03 and 57P05: idle too long. */
const CONNECTION_STATES = /^(?:08...|57P0[1-35]|53...|25P03)$/;
/** pg's own errors carry no code. */
const CLIENT_MESSAGES =
  /^(?:Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Client was closed|timeout expired|Query read timeout|Cannot use a pool after|The server closed|read E|write E)/i;

const codeOf = (error: unknown): string => {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
};
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : '');

/** Whether the connection is of no use any more, so that whatever ran on it is gone. */
export const isConnectionLost = (error: unknown): boolean =>
  error instanceof DatabaseAway
    ? isConnectionLost(error.cause)
    : SYSTEM_CODES.has(codeOf(error)) ||
      CONNECTION_STATES.test(codeOf(error)) ||
      (error instanceof AggregateError && error.errors.some(isConnectionLost)) ||
      CLIENT_MESSAGES.test(messageOf(error));

/** Lost connections, and statements that took longer than the database allows (57014, 55P03). */
export const isUnavailable = (error: unknown): boolean =>
  error instanceof DatabaseAway || isConnectionLost(error) || ['57014', '55P03'].includes(codeOf(error));

/** Another transaction was in the way (serialization failure, deadlock): the same transaction may succeed when repeated. */
export const isContention = (error: unknown): boolean => ['40001', '40P01'].includes(codeOf(error));

/** A prepared statement outlived a migration (0A000): the connection has to be replaced, then it works. */
export const isStalePlan = (error: unknown): boolean =>
  codeOf(error) === '0A000' && messageOf(error).startsWith('cached plan');

/** A unique (23505), foreign-key (23503), check (23514) or exclusion (23P01) constraint refused a row; by name where `constraint` is given. */
export const violates = (error: unknown, constraint?: string): boolean =>
  /^23(?:505|503|514|P01)$/.test(codeOf(error)) &&
  (constraint === undefined || (error as { constraint?: string }).constraint === constraint);

/** The same error, as a DatabaseAway where it is one. */
export const named = (error: unknown): unknown =>
  isUnavailable(error) && !(error instanceof DatabaseAway) ? new DatabaseAway(error) : error;
