/** Where instances may be. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InstanceHosts, isLoopbackHost } from './hosts.ts';

const usual = new InstanceHosts(['loopback', 'private']);

test('loopback and private addresses are allowed', () => {
  for (const host of ['127.0.0.1', '127.8.8.8', '::1', 'localhost', '10.0.0.1', '172.17.0.2', '192.168.1.5', 'fd12::1'])
    assert.equal(usual.refusalOf(host), null, host);
});

test('metadata services, link-local and other special addresses are refused, whatever is configured', () => {
  const all = [
    '169.254.169.254',
    'fe80::1',
    'fd00:ec2::254',
    '100.100.100.200',
    '0.0.0.0',
    '::',
    '224.0.0.1',
    '255.255.255.255',
  ];
  for (const host of [...all, '::ffff:169.254.169.254', '::ffff:127.0.0.1', 'fe80::1%eth0']) {
    assert.notEqual(usual.refusalOf(host), null, host);
    assert.notEqual(new InstanceHosts(['loopback', 'private', host]).refusalOf(host), null, `${host}, listed`);
  }
});

test('public addresses and names are refused unless they are listed', () => {
  const listed = new InstanceHosts(['loopback', '93.184.216.34', 'users.internal']);
  for (const host of ['93.184.216.34', 'users.internal']) {
    assert.notEqual(usual.refusalOf(host), null, host);
    assert.equal(listed.refusalOf(host), null, host);
  }
  assert.notEqual(listed.refusalOf('10.0.0.1'), null);
});

test('other ways to write an address are names, and refused', () => {
  for (const host of ['2130706433', '0x7f.1', '127.1', '017700000001', 'metadata.google.internal', '127.0.0.1.nip.io'])
    assert.notEqual(usual.refusalOf(host), null, host);
});

test('loopback is recognised as people and sockets write it', () => {
  for (const host of ['localhost', '127.0.0.1', '::1', '::ffff:127.0.0.1']) assert.ok(isLoopbackHost(host), host);
  for (const host of ['localhost.evil.com', '10.0.0.1', '', '127.0.0.1.nip.io']) assert.ok(!isLoopbackHost(host), host);
});
