/** What an instance finds in its environment. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { environmentOf, resolveDeclared } from './environment.ts';

const given = { PORT: '3010', SERVICE_NAME: 'web', HOST: '127.0.0.1' };

it('what the yard gives wins over what it inherited, and the yard file over what may be overridden', () => {
  const environment = environmentOf({
    inherited: { HOME: '/home/a', PORT: '1', DATABASE_URL: 'postgres://elsewhere', PATH: '/bin' },
    given,
    declared: { HOST: '0.0.0.0', GREETING: 'hi' },
    path: ['/node/bin'],
  });
  assert.deepEqual(environment, {
    HOME: '/home/a',
    PORT: '3010',
    SERVICE_NAME: 'web',
    HOST: '0.0.0.0',
    GREETING: 'hi',
    PATH: '/node/bin:/bin',
  });
});

it("the yard's own secrets and npm's variables are not passed on", () => {
  const inherited = { YARD_POSTGRES_URL: 'postgres://root:secret@x', npm_config_x: '1', INIT_CWD: '/', LANG: 'C' };
  const environment = environmentOf({ inherited, given: {}, declared: {}, path: [] });
  assert.deepEqual(Object.keys(environment).sort(), ['LANG', 'PATH']);
});

it('the yard file cannot pretend to be another instance', () => {
  assert.throws(
    () => environmentOf({ inherited: {}, given, declared: { INSTANCE_ID: 'x' }, path: [] }),
    /env may not set INSTANCE_ID/,
  );
});

it('secrets and given variables are filled in once', async () => {
  const inherited = { TOKEN: 'a${PORT}b' };
  const result = await resolveDeclared({ A: 'x ${env:TOKEN} ${PORT}', B: 'plain $5' }, { inherited, root: '/', given });
  assert.deepEqual(result, { values: { A: 'x a${PORT}b 3010', B: 'plain $5' } });
});

it('every missing secret is a fault that names the variable and no value', async () => {
  const result = await resolveDeclared(
    { A: '${env:NOPE}', B: '${file:/no/such/file}', C: '${WHAT}', D: '${env:OK}' },
    { inherited: { OK: 'secret' }, root: '/', given },
  );
  assert.ok('faults' in result);
  assert.equal(result.faults.length, 3);
  assert.match(result.faults[0]!, /^env A: the environment of the yard has no NOPE/);
  assert.match(result.faults[1]!, /^env B: \/no\/such\/file does not exist/);
  assert.match(result.faults[2]!, /^env C: there is no variable WHAT/);
});
