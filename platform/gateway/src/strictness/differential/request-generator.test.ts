/** A generator is worth what it generates: the same for the same seed, all kinds, and plain requests that are plain. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fuzzCase } from './request-generator.ts';

const many = Array.from({ length: 3_000 }, (_, nth) => fuzzCase(7, nth));

test('the same seed gives the same bytes and cuts, another one others', () => {
  assert.deepEqual(
    many.slice(0, 200),
    Array.from({ length: 200 }, (_, nth) => fuzzCase(7, nth)),
  );
  const others = Array.from({ length: 200 }, (_, nth) => fuzzCase(8, nth).bytes);
  assert.ok(others.every((bytes, nth) => bytes !== many[nth]!.bytes));
});

test('all kinds come, in about their shares', () => {
  for (const [kind, least] of [
    ['plain', 300],
    ['odd', 300],
    ['hostile', 600],
    ['damaged', 900],
  ] as const)
    assert.ok(many.filter((one) => one.kind === kind).length > least, kind);
});

test('bytes are bytes, and cuts lie within them, the first within the first head', () => {
  for (const { bytes, cuts } of many) {
    assert.match(bytes, /^[\0-\xff]+$/);
    for (const cut of cuts) assert.ok(cut > 0 && cut < bytes.length);
    assert.deepEqual(
      cuts,
      [...new Set(cuts)].sort((one, other) => one - other),
    );
    const headEnd = bytes.indexOf('\r\n\r\n');
    if (headEnd > 1) assert.ok(cuts[0]! < headEnd + 4);
  }
});

test('plain requests have one Host, one framing at most, and ids of their own', () => {
  const ids = new Set<string>();
  for (const { bytes, kind, count } of many) {
    if (kind !== 'plain') continue;
    const heads = bytes
      .split(/(?=(?:^|\n|)[A-Z]+ \/s7-\d+[^ ]* HTTP\/1\.1\r\n)/)
      .filter((one) => /^[A-Z]+ \/s7/.test(one));
    assert.equal(heads.length, count, bytes);
    for (const written of heads) {
      const head = written.slice(0, written.indexOf('\r\n\r\n'));
      assert.equal(head.match(/^host:/gim)?.length, 1);
      assert.ok((head.match(/^(?:content-length|transfer-encoding):/gim)?.length ?? 0) <= 1);
      const id = /^x-request-id: (.*)$/im.exec(head)![1]!;
      assert.ok(!ids.has(id));
      ids.add(id);
    }
  }
  assert.ok(ids.size > 400);
});

test('hostile requests bring every ambiguity of the list', () => {
  const all = many.map(({ bytes }) => bytes).join('\n\n\n');
  for (const ambiguity of [
    /transfer-encoding[^\n]*\n(?:[^\n]+\n)*content-length/i,
    /content-length[^\n]*\n(?:[^\n]+\n)*content-length/i,
    /Transfer_Encoding/,
    /Transfer-Encoding : /,
    /: ,chunked/,
    /Content-Length: \+/,
    /Content-Length: 0\d/,
    /Host: \r/,
    /Host: a,b/,
    /GET \* /,
    /HTTP\/1\.0\r\n(?:[^\n]+\n)*Transfer-Encoding/,
    /x_switchyard_identity/,
    /\/x\\\.\.\\y/,
  ])
    assert.match(all, ambiguity);
});
