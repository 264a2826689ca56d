/** Compares what llhttp reads, what the gateway decided and told, and what a service's parser saw: no two may differ. */
import { valuesOf } from '../answer-stream.ts';
import type { ReadAnswer } from '../answer-stream.ts';
import type { Heard } from './conversation.ts';
import { headersOf } from './reference.ts';
import type { Reading, ReadRequest } from './reference.ts';
import type { FuzzCase } from './request-generator.ts';
import type { Seen } from './seen.ts';

/** A line of the access log. */
export interface Decision {
  readonly requestId: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  /** The service that it was sent to; absent when the gateway answered itself. */
  readonly to?: string;
  readonly retries?: number;
}

export interface Conversation {
  readonly one: FuzzCase;
  readonly reading: Reading;
  readonly heard: Heard;
}

export interface Difference {
  /** null: of no case in particular. */
  readonly one: FuzzCase | null;
  readonly what: string;
}

export interface Judgement {
  readonly differences: Difference[];
  /** Requests that a service saw, as decided. */
  readonly accepted: number;
  /** Requests that the gateway refused or answered itself. */
  readonly refused: number;
  /** Statuses by which a service refused what the gateway passed on, and how often. */
  readonly refusedByService: ReadonlyMap<number, number>;
}

/** What a service answers to what its own parser does not take. */
const SERVICE_REFUSALS = new Set([400, 404, 405, 411, 413, 414, 431, 500, 501, 505]);
/** What a gateway answers to what is no request, and so has no id. */
const UNREAD = new Set([400, 408, 431]);

/** Of all conversations with one gateway, its whole log, and all that its service saw. */
export function judge(
  conversations: readonly Conversation[],
  decisions: readonly Decision[],
  seen: readonly Seen[],
): Judgement {
  const differences: Difference[] = [];
  const refusedByService = new Map<number, number>();
  const decided = byId(decisions, ({ requestId }) => requestId);
  const unmatched = byId(seen, ({ id }) => id);
  let accepted = 0;
  let refused = 0;
  for (const { one, reading, heard } of conversations) {
    const differs = (what: string): void => void differences.push({ one, what });
    const statuses = heard.answers.map(({ status }) => status);
    if (heard.isStuck) differs(`the gateway neither answers nor closes, after [${statuses.join(', ')}] ${heard.rest}`);
    if (heard.fault !== null) differs(`the gateway answers ${heard.fault}`);
    for (const [nth, answer] of heard.answers.entries()) {
      const id = valuesOf(answer, 'x-request-id')[0];
      if (id === undefined) {
        refused += 1;
        if (!UNREAD.has(answer.status)) differs(`an answer of ${answer.status} without an id`);
        if (nth !== heard.answers.length - 1) differs('answers behind a refusal');
        continue;
      }
      const decision = takeOne(decided, id, ({ status }) => status === answer.status);
      if (decision === null) differs(`no line of the log tells of the answer ${answer.status} to ${id}`);
      else if (decision.to === undefined) refused += 1;
      else {
        const request = reading.requests[nth];
        const service = takeOne(
          unmatched,
          id,
          ({ method, target }) => method === decision.method && pathOf(target) === decision.path,
        );
        if (request === undefined || !request.isWhole) differs(`accepted as request ${nth + 1} what llhttp does not`);
        else if (service === null) {
          if (!SERVICE_REFUSALS.has(answer.status))
            differs(`${decision.method} ${decision.path}, answered by ${answer.status}, reached nobody`);
          refusedByService.set(answer.status, (refusedByService.get(answer.status) ?? 0) + 1);
        } else {
          accepted += 1;
          for (const what of mismatches(request, decision, service, answer)) differs(what);
        }
      }
    }
    if (one.kind === 'plain' && (statuses.length !== one.count || statuses.some((status) => status !== 200)))
      differs(`a plain case is answered by [${statuses.join(', ')}]`);
  }
  accepted += judgeUnanswered(conversations, decided, unmatched, differences);
  return { differences, accepted, refused, refusedByService };
}

/** What services saw although no answer to it arrived: of connections that were cut behind it. */
function judgeUnanswered(
  conversations: readonly Conversation[],
  decided: ReadonlyMap<string, Decision[]>,
  unmatched: ReadonlyMap<string, Seen[]>,
  differences: Difference[],
): number {
  let accepted = 0;
  for (const [id, all] of unmatched)
    for (const service of all) {
      const decisions = decided.get(id) ?? [];
      const at = decisions.findIndex(
        ({ to, method, path }) => to !== undefined && method === service.method && path === pathOf(service.target),
      );
      const meant = conversations.find(({ one }) => id.startsWith(`s${one.seed}-${one.nth}-`));
      const what = `${service.method} ${service.target} with ${JSON.stringify(service.body.slice(0, 200))}`;
      const one = meant?.one ?? null;
      if (at === -1) {
        differences.push({ one, what: `a service saw ${what}, which the gateway did not decide` });
        continue;
      }
      decisions.splice(at, 1);
      accepted += 1;
      // Damage may have given it the id of another case.
      const isRead = conversations.some(({ reading }) =>
        reading.requests.some(
          ({ isWhole, method, target, body }) =>
            isWhole &&
            method === service.method &&
            body === service.body &&
            queryOf(target) === queryOf(service.target) &&
            (!isPlainPath(target) || pathOf(target) === pathOf(service.target)),
        ),
      );
      if (!isRead) differences.push({ one, what: `a service saw ${what}, which llhttp does not` });
      for (const fault of headFaults(service)) differences.push({ one, what: fault });
    }
  return accepted;
}

function mismatches(request: ReadRequest, decision: Decision, service: Seen, answer: ReadAnswer): string[] {
  const found = headFaults(service);
  const is = (what: string, one: string, other: string): void => {
    if (one !== other)
      found.push(`${what}: ${JSON.stringify(one.slice(0, 500))} and not ${JSON.stringify(other.slice(0, 500))}`);
  };
  is('the method decided', decision.method, request.method);
  is('the query seen', queryOf(service.target), queryOf(request.target));
  is('the body seen', service.body, request.body);
  if (isPlainPath(request.target)) is('the path decided', decision.path, pathOf(request.target));
  const hosts = headersOf(request, 'host');
  if (hosts[0] !== undefined) is('the Host seen', valueOf(service, 'host').join(' | '), hosts.join(' | '));
  if (answer.status === 200 && decision.method !== 'HEAD') is('the answer', answer.body, service.id);
  return found;
}

const OURS_ONCE = ['x-request-id', 'x-forwarded-for', 'x-forwarded-proto', 'forwarded', 'traceparent'];
const NEVER =
  /^(?:x-switchyard-.*|switchyard-.*|keep-alive|proxy-connection|proxy-authorization|proxy|trailer|upgrade|expect|via|x-real-ip|remote-user|x-forwarded-(?!for$|proto$|host$).*)$/;

/** What no service may see in a head, whatever was sent. */
export function headFaults(service: Seen): string[] {
  const found: string[] = [];
  const framing = [...valueOf(service, 'content-length'), ...valueOf(service, 'transfer-encoding')];
  if (framing.length > 1) found.push(`framed by ${framing.join(' and ')}`);
  if (framing.length === 0 && service.body !== '') found.push('a body without a framing');
  for (const coding of valueOf(service, 'transfer-encoding'))
    if (coding !== 'chunked') found.push(`the coding ${coding}`);
  for (const length of valueOf(service, 'content-length'))
    if (length !== String(service.body.length)) found.push(`the length ${length} of ${service.body.length} bytes`);
  if (valueOf(service, 'host').length > 1) found.push('several Hosts');
  for (const name of OURS_ONCE)
    if (valueOf(service, name).length !== 1) found.push(`${valueOf(service, name).length} times ${name}`);
  // HTTP/1.0 may leave out the Host, and then there is none to pass on.
  if (valueOf(service, 'x-forwarded-host').length > 1) found.push('several times x-forwarded-host');
  if (valueOf(service, 'x-forwarded-for').some((value) => value !== '127.0.0.1'))
    found.push('a foreign X-Forwarded-For');
  for (const [name, value] of service.headers) {
    const folded = name.toLowerCase().replace(/[^a-z0-9]/g, '-');
    if (NEVER.test(folded)) found.push(`the header ${name}`);
    if (folded !== name && /^(?:host|content-length|transfer-encoding|x-forwarded-.*|forwarded)$/.test(folded))
      found.push(`the alias ${name}`);
    if (name === 'connection' && !/^(?:keep-alive|close)$/i.test(value)) found.push(`Connection: ${value}`);
    if (name === 'te' && value !== 'trailers') found.push(`TE: ${value}`);
  }
  return found;
}

/**
 * Of the same bytes, whole and in pieces: the two may differ only where the gateway was stricter with the whole ones, or lost
 * answers because it closed the connection.
 */
export function compareWays(whole: Conversation, pieces: Conversation): Difference[] {
  const [fast, slow] = [whole.heard.answers, pieces.heard.answers];
  for (let nth = 0; nth < Math.min(fast.length, slow.length); nth += 1) {
    const [one, other] = [fast[nth]!, slow[nth]!];
    if (one.status === other.status) continue;
    if (one.status === 400 || one.status === 431) return [];
    const what = `request ${nth + 1} is answered by ${one.status} when it comes whole, by ${other.status} in pieces`;
    return [{ one: whole.one, what }];
  }
  const isCut = (heard: Heard): boolean => heard.wasClosed || heard.isStuck;
  if (fast.length !== slow.length && !isCut(fast.length < slow.length ? whole.heard : pieces.heard))
    return [{ one: whole.one, what: `${fast.length} answers when it comes whole, ${slow.length} in pieces` }];
  return [];
}

const valueOf = ({ headers }: Seen, name: string): string[] =>
  headers.filter(([one]) => one === name).map(([, value]) => value);
const withoutAuthority = (target: string): string => target.replace(/^http:\/\/[^/?]*/i, '');
const pathOf = (target: string): string => withoutAuthority(target).split('?')[0]!;
function queryOf(target: string): string {
  const mark = target.indexOf('?');
  return mark === -1 ? '' : target.slice(mark);
}
/** One that no normal form changes. */
const isPlainPath = (target: string): boolean => /^(?:\/[\w~!$&'()*+,=:@-]+)+(?:\?|$)/.test(target);
function byId<T>(all: readonly T[], idOf: (one: T) => string): Map<string, T[]> {
  const found = new Map<string, T[]>();
  for (const one of all) {
    const same = found.get(idOf(one));
    if (same === undefined) found.set(idOf(one), [one]);
    else same.push(one);
  }
  return found;
}

function takeOne<T>(from: ReadonlyMap<string, T[]>, id: string, fits: (one: T) => boolean): T | null {
  const same = from.get(id) ?? [];
  const at = same.findIndex(fits);
  return at === -1 ? null : same.splice(at, 1)[0]!;
}
