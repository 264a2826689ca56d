/** Where a page finds the gateway. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gatewayFor } from './gateway-address.ts';

const direct = (host: string | undefined, publicUrl?: string) => gatewayFor({ throughGateway: false, host, publicUrl });

test('through the gateway the page calls its own origin', () => {
  assert.equal(gatewayFor({ throughGateway: true, host: 'localhost:3333', publicUrl: 'http://localhost:8000' }), '');
});

test('opened directly, the gateway is at port 8000 of the host that the browser used', () => {
  assert.equal(direct('localhost:3333'), 'http://localhost:8000');
  assert.equal(direct('192.168.0.7:3334'), 'http://192.168.0.7:8000');
  assert.equal(direct('Yard.Local'), 'http://yard.local:8000');
  assert.equal(direct('[::1]:3333'), 'http://[::1]:8000');
});

test('a given public address wins', () => {
  assert.equal(direct('localhost:3333', 'https://yard.example'), 'https://yard.example');
});

test('a Host that is none cannot get into the answer', () => {
  for (const host of [undefined, '', 'x; script-src *', 'a b', 'user@evil', 'evil/..', '[::1', 'a\r\nb', '-']) {
    assert.equal(direct(host), 'http://localhost:8000', String(host));
  }
});
