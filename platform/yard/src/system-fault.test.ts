/** How refusals of the operating system are told. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { systemFault } from './system-fault.ts';

const refused = (fields: object) => Object.assign(new Error('as the system says it'), fields);

it('a full disk, a place without the right to write, and a file in the way of a folder are told as such', () => {
  const at = { syscall: 'open', path: '/yard/.yard/state.json' };
  assert.match(systemFault(refused({ ...at, code: 'ENOSPC' }))!.message, /disk is full.*state\.json/);
  assert.match(systemFault(refused({ code: 'ERR_SQLITE_ERROR', errcode: 13 }))!.message, /disk is full/);
  assert.match(systemFault(refused({ ...at, code: 'EROFS' }))!.message, /only be read/);
  assert.match(systemFault(refused({ ...at, code: 'EACCES' }))!.message, /may not use .*state\.json/);
  assert.match(systemFault(refused({ ...at, code: 'ENOTDIR' }))!.message, /where a folder must be/);
  assert.equal(systemFault(refused({ ...at, code: 'EMFILE' }))!.message, 'as the system says it');
});

it('a fault of our own is not dressed as one of the system', () => {
  assert.equal(systemFault(new TypeError('x is undefined')), null);
  assert.equal(systemFault(refused({ code: 'ERR_INVALID_ARG_TYPE' })), null);
});
