/** Whose cookies are whose. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cookieOf, setsOurCookie, withoutOurCookies } from './cookies.ts';

test('our cookies are found by their exact names only', () => {
  const header = 'a=switchyard_bucket=1; xswitchyard_bucket=2; switchyard_bucket=3; Switchyard_Bucket=4';
  assert.equal(cookieOf(header, 'switchyard_bucket'), '3');
  assert.equal(cookieOf('a=1', 'switchyard_bucket'), '');
});

test('no spelling of ours gets to a service, and all others do', () => {
  for (const name of [
    'switchyard_preview',
    'Switchyard_Preview',
    'SWITCHYARD-PREVIEW',
    'switchyard.preview',
    'switchyard%5Fpreview',
    'switchyard preview',
    'switchyard_bucket',
    '__Host-switchyard-access',
    '__host-switchyard-refresh',
  ]) {
    assert.equal(withoutOurCookies(`a=1; ${name}=secret;b=2`), 'a=1; b=2', name);
    assert.equal(withoutOurCookies(`${name} = secret`), '', name);
    assert.equal(setsOurCookie(` ${name}=1; Path=/`), true, name);
  }
  for (const header of ['a=switchyard_preview', 'myswitchyard_preview=1', 'switchyards=1', 'a=1; b="x y"'])
    assert.equal(withoutOurCookies(header), header, header);
  assert.equal(setsOurCookie('theme=dark; Domain=switchyard.example'), false);
});
