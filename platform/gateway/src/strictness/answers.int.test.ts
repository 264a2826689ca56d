/**
 * Answers of services are half trusted: one that cannot be understood is a 502 or visibly broken off, and no byte of it becomes
 * part of anybody else's answer (response-queue poisoning).
 */
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { startTestYard } from '../testing/test-yard.ts';
import { valuesOf } from './answer-stream.ts';
import { arrive, cutsOf, piecesOf, turns } from './arrival.ts';
import type { Arrived } from './arrival.ts';
import { startRecordingUpstream } from './recording-upstream.ts';
import type { RecordedRequest } from './recording-upstream.ts';

const MINE = 'HTTP/1.1 200 OK\r\nContent-Length: ';
const POISON = 'HTTP/1.1 200 OK\r\nX-Poison: 1\r\nContent-Length: 6\r\n\r\nPOISON';
const mine = (target: string): string => `${MINE}${target.length}\r\n\r\n${target}`;

interface Bad {
  readonly bytes: string;
  readonly cuts: readonly number[];
  /** The service closes the connection behind them. */
  readonly ends: boolean;
  /** Where the answer ends and what nobody asked for begins. Default: at their end. */
  readonly wholeAt?: number;
}

async function start(context: TestContext, route: Readonly<Record<string, unknown>> = {}) {
  let bad: Bad = { bytes: '', cuts: [], ends: false };
  let sent = Promise.resolve();
  const answer = (request: RecordedRequest, socket: Socket): string | null => {
    if (!request.target.startsWith('/bad')) return mine(request.target);
    sent = sendInPieces(socket, bad);
    return null;
  };
  const upstream = await startRecordingUpstream(context, answer);
  const at = [{ id: 'a', port: upstream.port }];
  const yard = await startTestYard(context, {
    echo: { routes: [{ path: '/', ...route }], deployments: { 'echo-1': at } },
  });
  let asked = 0;
  /** Others, on connections of their own, get their own answers. */
  const othersAreWell = async (): Promise<void> => {
    for (let nth = 0; nth < 6; nth += 1) {
      const target = `/mine/${(asked += 1)}`;
      const got = await ask(yard.gateway.port, `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
      assert.deepEqual(
        got.answers.map(({ status, body }) => `${status} ${body}`),
        [`200 ${target}`],
        got.all,
      );
      assert.ok(!/poison/i.test(got.all));
    }
  };
  /** Asks for the bad answer in every cut, first on a connection and with another request behind it. */
  const inEveryCut = async (
    one: Omit<Bad, 'cuts'>,
    judge: (got: Arrived) => void,
    method = 'GET',
    lines = '',
  ): Promise<void> => {
    for (const cuts of [[], ...cutsOf(one.bytes).map((cut) => [cut])])
      for (const behind of ['', 'GET /mine/behind HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n']) {
        // What comes after the next request was sent can be told from no answer to it.
        if (behind !== '' && (cuts[0] ?? 0) >= (one.wholeAt ?? Infinity)) continue;
        bad = { ...one, cuts };
        const close = behind === '' ? 'Connection: close\r\n' : '';
        const first = `${method} /bad HTTP/1.1\r\nHost: a\r\n${close}${lines}\r\n`;
        const got = await ask(yard.gateway.port, first + behind, method);
        try {
          assert.equal(got.fault, null);
          const { answers } = got;
          if (behind !== '' && answers.length > 1) {
            assert.equal(answers.length, 2);
            assert.equal(answers[1]!.body, '/mine/behind');
            judge({ ...got, answers: answers.slice(0, 1), all: got.all.slice(0, got.all.lastIndexOf('HTTP/1.1 ')) });
          } else judge(got);
          await sent;
          await turns();
          await othersAreWell();
        } catch (error) {
          throw new Error(`cut at ${cuts[0] ?? 'nothing'}, answered by ${JSON.stringify(got.all)}`, { cause: error });
        }
      }
    assert.deepEqual(upstream.faults, []);
  };
  return { ...yard, upstream, inEveryCut, othersAreWell, say: (one: Bad): void => void (bad = one) };
}

const ask = (port: number, bytes: string, method = 'GET'): Promise<Arrived> =>
  arrive(port, bytes, { name: 'whole', before: 'nothing', cuts: [], methods: [method] });

async function sendInPieces(socket: Socket, { bytes, cuts, ends }: Bad): Promise<void> {
  for (const piece of piecesOf(bytes, cuts)) {
    if (!socket.writable) return;
    socket.write(piece, 'latin1');
    if (cuts.length > 0) await turns();
  }
  if (ends) socket.end();
}

const answerOf = (lines: string, body = ''): string => `${lines.replaceAll('\n', '\r\n')}\r\n\r\n${body}`;

/** Heads that are none, or that frame the body in two ways. */
const MALFORMED: Readonly<Record<string, string>> = {
  'two lengths that differ': answerOf('HTTP/1.1 200 OK\nContent-Length: 2\nContent-Length: 60', `ok${POISON}`),
  'two lengths in one': answerOf('HTTP/1.1 200 OK\nContent-Length: 2, 60', `ok${POISON}`),
  'a length and a coding': answerOf(
    'HTTP/1.1 200 OK\nContent-Length: 2\nTransfer-Encoding: chunked',
    `0\r\n\r\n${POISON}`,
  ),
  'a coding and a length': answerOf(
    'HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nContent-Length: 60',
    `0\r\n\r\n${POISON}`,
  ),
  'a length with a sign': answerOf('HTTP/1.1 200 OK\nContent-Length: +2', 'ok'),
  'a negative length': answerOf('HTTP/1.1 200 OK\nContent-Length: -2', 'ok'),
  'a length in hexadecimal notation': answerOf('HTTP/1.1 200 OK\nContent-Length: 0x2', 'ok'),
  'a length that is no number': answerOf('HTTP/1.1 200 OK\nContent-Length: two', 'ok'),
  'a length with a space in it': answerOf('HTTP/1.1 200 OK\nContent-Length: 2 2', 'ok'),
  'an empty length': answerOf('HTTP/1.1 200 OK\nContent-Length:', 'ok'),
  'a length beyond 64 bits': answerOf('HTTP/1.1 200 OK\nContent-Length: 18446744073709551618', 'ok'),
  'a bare line feed between headers': 'HTTP/1.1 200 OK\r\nX: a\nX-Poison: b\r\nContent-Length: 2\r\n\r\nok',
  'a head with bare line feeds': `HTTP/1.1 200 OK\nContent-Length: 2\n\nok${POISON}`,
  'a bare carriage return in a value': 'HTTP/1.1 200 OK\r\nX: a\rX-Poison: b\r\nContent-Length: 2\r\n\r\nok',
  'a NUL in a value': 'HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\nok',
  'a control character in a value': 'HTTP/1.1 200 OK\r\nX: a\x01b\r\nContent-Length: 2\r\n\r\nok',
  'a folded line': 'HTTP/1.1 200 OK\r\nX: a\r\n X-Poison: b\r\nContent-Length: 2\r\n\r\nok',
  'a folded length': 'HTTP/1.1 200 OK\r\nContent-Length:\r\n 2\r\n\r\nok',
  'a space before a colon': 'HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok',
  'a NUL in a name': 'HTTP/1.1 200 OK\r\nX\0: a\r\nContent-Length: 2\r\n\r\nok',
  'a name with a space': 'HTTP/1.1 200 OK\r\nX Poison: a\r\nContent-Length: 2\r\n\r\nok',
  'a line without a colon': 'HTTP/1.1 200 OK\r\nnonsense\r\nContent-Length: 2\r\n\r\nok',
  'a header without a name': 'HTTP/1.1 200 OK\r\n: a\r\nContent-Length: 2\r\n\r\nok',
  'a status of two digits': 'HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nok',
  'a status of four digits': 'HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok',
  'a status below 100': 'HTTP/1.1 099 OK\r\nContent-Length: 2\r\n\r\nok',
  'a status that is no number': 'HTTP/1.1 abc OK\r\nContent-Length: 2\r\n\r\nok',
  'no status': 'HTTP/1.1 OK\r\nContent-Length: 2\r\n\r\nok',
  'a NUL in the reason': 'HTTP/1.1 200 O\0K\r\nContent-Length: 2\r\n\r\nok',
  'HTTP/2 in words': 'HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok',
  'another protocol': 'ICY 200 OK\r\nContent-Length: 2\r\n\r\nok',
  'no HTTP at all': 'SSH-2.0-OpenSSH_9.7\r\n\r\n',
  'a switch of protocols that nobody asked for':
    'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n' + POISON,
  'a request instead of an answer': 'GET /poison HTTP/1.1\r\nHost: a\r\n\r\n',
  'a coding that is not chunked': answerOf('HTTP/1.1 200 OK\nTransfer-Encoding: gzip', 'ok'),
  'codings before chunked': answerOf('HTTP/1.1 200 OK\nTransfer-Encoding: gzip, chunked', '2\r\nok\r\n0\r\n\r\n'),
  'codings behind chunked': answerOf('HTTP/1.1 200 OK\nTransfer-Encoding: chunked, identity', '2\r\nok\r\n0\r\n\r\n'),
  'chunked twice': answerOf('HTTP/1.1 200 OK\nTransfer-Encoding: chunked, chunked', '2\r\nok\r\n0\r\n\r\n'),
  'chunked in two headers': answerOf(
    'HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nTransfer-Encoding: chunked',
    '2\r\nok\r\n0\r\n\r\n',
  ),
  'a coding that only contains chunked': answerOf(
    'HTTP/1.1 200 OK\nTransfer-Encoding: xchunked',
    '2\r\nok\r\n0\r\n\r\n',
  ),
  'chunked behind a vertical tab': answerOf('HTTP/1.1 200 OK\nTransfer-Encoding: \x0bchunked', '2\r\nok\r\n0\r\n\r\n'),
  'chunked in HTTP/1.0': answerOf('HTTP/1.0 200 OK\nTransfer-Encoding: chunked', '2\r\nok\r\n0\r\n\r\n'),
};

test('an answer whose head is malformed', async (t) => {
  const { inEveryCut } = await start(t);
  for (const [what, bytes] of Object.entries(MALFORMED))
    for (const ends of [false, true])
      await t.test(
        `${what}${ends ? ', and the connection ends' : ''}: 502, and nobody else gets any of it`,
        async () => {
          await inEveryCut({ bytes, ends }, ({ answers, all }) => {
            assert.deepEqual(
              answers.map(({ status }) => status),
              [502],
            );
            assert.equal((JSON.parse(answers[0]!.body) as { code: string }).code, 'GATEWAY_UPSTREAM_BROKE');
            assert.ok(!/poison/i.test(all));
          });
        },
      );
});

test('an answer whose head is too large is 502', async (t) => {
  const { inEveryCut } = await start(t);
  for (const bytes of [
    answerOf(`HTTP/1.1 200 OK\nX: ${'x'.repeat(400_000)}\nContent-Length: 2`, 'ok'),
    answerOf(`HTTP/1.1 200 OK\n${'X-A: b\n'.repeat(60_000)}Content-Length: 2`, 'ok'),
    `HTTP/1.1 200 ${'x'.repeat(400_000)}\r\nContent-Length: 2\r\n\r\nok`,
  ])
    await inEveryCut({ bytes, ends: false }, ({ answers }) =>
      assert.deepEqual(
        answers.map(({ status }) => status),
        [502],
      ),
    );
});

const chunked = (body: string): string => answerOf('HTTP/1.1 200 OK\nTransfer-Encoding: chunked', body);

const BROKEN: Readonly<Record<string, string>> = {
  'a chunk size with a sign': chunked('+5\r\nhello\r\n0\r\n\r\n'),
  'a chunk size in hexadecimal notation': chunked('0x5\r\nhello\r\n0\r\n\r\n'),
  'a chunk size that is no number': chunked('5\r\nhello\r\nzz\r\n\r\n'),
  'an empty chunk size': chunked('5\r\nhello\r\n\r\n\r\n'),
  'a negative chunk size': chunked('-5\r\nhello\r\n0\r\n\r\n'),
  'a chunk size beyond 64 bits': chunked('10000000000000005\r\nhello\r\n0\r\n\r\n'),
  'a chunk that is longer than it says': chunked('4\r\nhello\r\n0\r\n\r\n'),
  'a chunk that is shorter than it says': chunked('6\r\nhello\r\n0\r\n\r\n'),
  'a chunk that ends with a bare line feed': chunked('5\r\nhello\n0\r\n\r\n'),
  'a chunk size before a bare line feed': chunked('5\nhello\r\n0\r\n\r\n'),
  'a chunk extension before a bare line feed': chunked('5;x\nhello\r\n0\r\n\r\n'),
  'a trailer that is none': chunked('5\r\nhello\r\n0\r\nnonsense\r\n\r\n'),
  'a trailer with a NUL': chunked('5\r\nhello\r\n0\r\nX: \0\r\n\r\n'),
};

test('an answer whose body is malformed', async (t) => {
  const { inEveryCut } = await start(t);
  for (const [what, bytes] of Object.entries(BROKEN))
    await t.test(`${what}: a 502 or visibly broken off`, async () => {
      await inEveryCut({ bytes, ends: false }, ({ answers, wasClosed }) => {
        assert.ok(wasClosed);
        for (const { status } of answers) assert.equal(status, 502);
      });
    });
});

const SHORT: Readonly<Record<string, string>> = {
  'within its head': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n',
  'before the end of its length': 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell',
  'within a chunk': chunked('5\r\nhell'),
  'behind a chunk': chunked('5\r\nhello\r\n'),
  'within its last chunk': chunked('5\r\nhello\r\n0\r\n'),
  'within its trailers': chunked('5\r\nhello\r\n0\r\nX: y\r\n'),
};

test('an answer that ends too early', async (t) => {
  const { inEveryCut } = await start(t);
  for (const [where, bytes] of Object.entries(SHORT))
    await t.test(`${where}: never looks whole`, async () => {
      await inEveryCut({ bytes, ends: true }, ({ answers, wasClosed }) => {
        assert.ok(wasClosed);
        for (const { status } of answers) assert.equal(status, 502);
      });
    });
});

/** The end of the head, or of the body that may follow it. */
function wholeAt(bytes: string): number {
  const poison = bytes.indexOf(POISON);
  return poison === -1 || /^HTTP\/1.1 (?:204|304)/.test(bytes) ? bytes.indexOf('\r\n\r\n') + 4 : poison;
}

/** Bytes that nobody asked for behind an answer that is whole, and what the client gets. */
const MORE: Readonly<Record<string, [string, string]>> = {
  'behind a length': [`${mine('/bad')}${POISON}`, '/bad'],
  'behind a length of 0': [answerOf('HTTP/1.1 200 OK\nContent-Length: 0', POISON), ''],
  'behind chunks': [`${chunked('4\r\n/bad\r\n0\r\n\r\n')}${POISON}`, '/bad'],
  'behind chunks with extensions': [`${chunked('4;a="b"\r\n/bad\r\n0;c\r\n\r\n')}${POISON}`, '/bad'],
  'behind 204': [`HTTP/1.1 204 No Content\r\n\r\n${POISON}`, ''],
  'behind 204 with a length': [answerOf('HTTP/1.1 204 No Content\nContent-Length: 6', `POISON${POISON}`), ''],
  'behind 204 with chunks': [
    answerOf('HTTP/1.1 204 No Content\nTransfer-Encoding: chunked', `6\r\nPOISON\r\n0\r\n\r\n${POISON}`),
    '',
  ],
  'behind 304': [`HTTP/1.1 304 Not Modified\r\n\r\n${POISON}`, ''],
  'behind 304 with a length': [answerOf('HTTP/1.1 304 Not Modified\nContent-Length: 6', `POISON${POISON}`), ''],
  'behind Connection: close': [
    answerOf('HTTP/1.1 200 OK\nConnection: close\nContent-Length: 4', `/bad${POISON}`),
    '/bad',
  ],
};

test('bytes that nobody asked for', async (t) => {
  const { inEveryCut } = await start(t);
  for (const [where, [bytes, body]] of Object.entries(MORE))
    for (const ends of [false, true])
      await t.test(`${where}${ends ? ', and the connection ends' : ''}: are nobody's answer`, async () => {
        await inEveryCut({ bytes, ends, wholeAt: wholeAt(bytes) }, ({ answers, rest, all }) => {
          assert.ok(!/poison/i.test(all));
          // Who breaks the protocol in the same breath may lose the answer too.
          if (answers[0]?.status === 502) return;
          assert.equal(rest, '');
          assert.equal(answers[0]?.body, body);
        });
      });
  for (const bytes of [
    answerOf('HTTP/1.1 200 OK\nContent-Length: 6', 'POISON'),
    chunked('6\r\nPOISON\r\n0\r\n\r\n'),
    `HTTP/1.1 200 OK\r\n\r\n${POISON}`,
  ])
    await t.test(`behind the head of an answer to HEAD: are nobody's answer`, async () => {
      await inEveryCut({ bytes, ends: false }, ({ all }) => assert.ok(!/poison/i.test(all)), 'HEAD');
    });
});

test('interim answers are left out, their headers too, and many of them harm nobody', async (t) => {
  const { inEveryCut } = await start(t, { timeoutMs: 2_000 });
  const hint = 'HTTP/1.1 103 Early Hints\r\nSet-Cookie: poison=1\r\nX-Poison: 1\r\nContent-Length: 6\r\n\r\n';
  for (const [count, allowed] of [
    [1, [200]],
    [10, [200]],
    [2_000, [200, 502]],
  ] as const)
    for (const before of [hint, 'HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 102 Processing\r\n\r\n'])
      await inEveryCut({ bytes: before.repeat(count) + mine('/bad'), ends: false }, ({ answers, interim, all }) => {
        assert.equal(interim, 0);
        assert.ok(!/poison/i.test(all));
        assert.ok((allowed as readonly number[]).includes(answers[0]!.status), all);
        if (answers[0]!.status === 200) assert.equal(answers[0]!.body, '/bad');
      });
});

test('interim answers without end are given up', async (t) => {
  const { gateway, say, othersAreWell } = await start(t, { timeoutMs: 500 });
  say({ bytes: 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(1_000), cuts: [], ends: false });
  const { answers } = await ask(gateway.port, 'GET /bad HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  assert.ok([502, 504].includes(answers[0]!.status));
  await othersAreWell();
});

/** Sound answers of old or simple servers, and their bodies. */
const SOUND: Readonly<Record<string, [string, string, boolean]>> = {
  'HTTP/1.0 with a length': [answerOf('HTTP/1.0 200 OK\nContent-Length: 5', 'hello'), 'hello', true],
  'HTTP/1.0 to the end of the connection': [answerOf('HTTP/1.0 200 OK\nX: y', 'hello'), 'hello', true],
  'HTTP/1.0 that keeps its connection': [
    answerOf('HTTP/1.0 200 OK\nConnection: keep-alive\nContent-Length: 5', 'hello'),
    'hello',
    false,
  ],
  'HTTP/1.1 to the end of the connection': [answerOf('HTTP/1.1 200 OK\nX: y', 'hello'), 'hello', true],
  'a body that looks like an answer': [
    answerOf(`HTTP/1.1 200 OK\nContent-Length: ${POISON.length}`, POISON),
    POISON,
    false,
  ],
  'chunks with extensions': [chunked('5;a="b";c\r\nhello\r\n0;d\r\n\r\n'), 'hello', false],
  'chunks whose sizes have leading zeros': [chunked('00005\r\nhello\r\n000\r\n\r\n'), 'hello', false],
  'chunked in large letters': [
    answerOf('HTTP/1.1 200 OK\nTRANSFER-ENCODING: CHUNKED', '5\r\nhello\r\n0\r\n\r\n'),
    'hello',
    false,
  ],
  'no reason': ['HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\nhello', 'hello', false],
  'no reason and no space': ['HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello', 'hello', false],
  'a reason beyond ASCII': ['HTTP/1.1 200 \xe4\xf6\r\nContent-Length: 5\r\n\r\nhello', 'hello', false],
  'values beyond ASCII': ['HTTP/1.1 200 OK\r\nX: \xe4\xf6\r\nContent-Length: 5\r\n\r\nhello', 'hello', false],
  'no spaces behind colons': ['HTTP/1.1 200 OK\r\nContent-Length:5\r\n\r\nhello', 'hello', false],
  'an unknown status': ['HTTP/1.1 799 Odd\r\nContent-Length: 5\r\n\r\nhello', 'hello', false],
};

test('an answer that is sound', async (t) => {
  const { inEveryCut } = await start(t);
  for (const [what, [bytes, body, ends]] of Object.entries(SOUND))
    await t.test(`${what}: passes whole`, async () => {
      await inEveryCut({ bytes, ends }, ({ answers, rest, all }) => {
        assert.equal(rest, '', all);
        assert.equal(answers[0]?.body, body, all);
      });
    });
});

test('what a service says of the hop, of origins and in our name stays behind', async (t) => {
  const { inEveryCut } = await start(t);
  const theirs = [
    'X-Request-Id: poison',
    'X-Switchyard-Identity: poison',
    'Access-Control-Allow-Origin: poison',
    'Access-Control-Allow-Credentials: poison',
    'ACCESS-CONTROL-EXPOSE-HEADERS: poison',
    'Keep-Alive: timeout=poison',
    'Proxy-Connection: poison',
    'Upgrade: poison',
    'Trailer: poison',
    'TE: poison',
    'Set-Cookie: __Host-switchyard-access=poison',
    'set-cookie: switchyard_preview=poison',
    'Connection: keep-alive, x-hop, x-request-id, vary, set-cookie',
    'X-Hop: poison',
  ];
  const bytes = answerOf(['HTTP/1.1 200 OK', ...theirs, 'Content-Length: 5', 'X-Kept: 1'].join('\n'), 'hello');
  await inEveryCut({ bytes, ends: false }, ({ answers, all }) => {
    assert.equal(answers[0]!.body, 'hello');
    assert.ok(!/poison/i.test(all), all);
    assert.deepEqual(valuesOf(answers[0]!, 'x-kept'), ['1']);
    assert.equal(valuesOf(answers[0]!, 'x-request-id').length, 1);
    assert.deepEqual(valuesOf(answers[0]!, 'vary'), ['Origin']);
  });
});

test('trailers frame, set and say nothing in our name', async (t) => {
  const { inEveryCut } = await start(t);
  const trailers = [
    'X-Request-Id: poison',
    'X-Switchyard-Identity: poison',
    'Set-Cookie: __Host-switchyard-access=poison',
    'Access-Control-Allow-Origin: poison',
    'Location: poison',
    'Authorization: poison',
    'Host: poison',
    'Content-Type: poison',
    'Connection: poison',
    'X-Sum: 1',
  ];
  const bytes = chunked(`5\r\nhello\r\n0\r\n${trailers.map((line) => `${line}\r\n`).join('')}\r\n`);
  await inEveryCut(
    { bytes, ends: false },
    ({ answers, all }) => {
      assert.equal(answers[0]!.body, 'hello');
      assert.ok(!/poison/i.test(all), all);
      assert.match(all, /\r\n0\r\nx-sum: 1\r\n\r\n/i);
    },
    'GET',
    'TE: trailers\r\n',
  );
});

test('a POST is not lost to a service that closes connections that are idle (undici #3141, node #60617)', async (t) => {
  const { gateway, say, upstream } = await start(t);
  say({ bytes: mine('/bad'), cuts: [], ends: true });
  for (let nth = 0; nth < 50; nth += 1) {
    const post = 'POST /bad HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello';
    const { answers, all } = await ask(gateway.port, post);
    assert.equal(answers[0]?.body, '/bad', `${nth}: ${all}`);
    // The end of the connection has arrived at the gateway by now.
    await turns();
  }
  assert.equal(upstream.requests.length, 50);
});

test('an answer before its request is nobody’s', async (t) => {
  const { upstream, othersAreWell } = await start(t);
  await othersAreWell();
  for (const socket of upstream.sockets) socket.write(POISON, 'latin1');
  await turns();
  await othersAreWell();
});

test('a connection that brought more than its client had room for serves the next request', async (t) => {
  const held = new Set<Socket>();
  const upstream = await startRecordingUpstream(t, ({ target }, socket) => {
    if (target === '/held') {
      held.add(socket);
      return null;
    }
    const size = Number(/^\/big\/([0-9]+)$/.exec(target)?.[1] ?? 0);
    return size === 0 ? mine(target) : `${MINE}${size}\r\n\r\n${'x'.repeat(size)}`;
  });
  const at = [{ id: 'a', port: upstream.port }];
  const { gateway } = await startTestYard(t, { echo: { routes: ['/'], deployments: { 'echo-1': at } } });
  // Around what a stream takes before it says that it is enough, so that it says so with the last piece.
  for (const size of [
    16_000, 16_300, 16_384, 32_700, 64_000, 65_000, 65_200, 65_300, 65_400, 65_480, 70_000, 131_000,
  ]) {
    const lines = 'Host: a\r\nTE: trailers\r\n';
    const client = arrive(
      gateway.port,
      `GET /held HTTP/1.1\r\n${lines}\r\nGET /big/${size} HTTP/1.1\r\n${lines}Connection: close\r\n\r\n`,
      {
        name: 'behind one that is not answered',
        before: 'nothing',
        cuts: [],
      },
    );
    while (upstream.requests.at(-1)?.target !== `/big/${size}`) await turns();
    await turns();
    const target = `/mine/${size}`;
    const got = await ask(gateway.port, `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    assert.equal(got.answers[0]?.body, target);
    for (const socket of held) socket.write(mine('/held'));
    held.clear();
    const { answers } = await client;
    assert.deepEqual(
      answers.map(({ body }) => body.length),
      ['/held'.length, size],
    );
  }
});
