/** Reporter of node:test for bin/test.js: one JSON object a line for each leaf test, and one at the very end, by which a file that broke off is known. */

/** Tests that contain tests are reported through them, and on their own only when they failed by themselves. */
export default async function* report(events) {
  const hasInner = [];
  for await (const { type, data } of events) {
    if (type === 'test:summary') yield line({ kind: 'end', counts: data.counts });
    if (type === 'test:diagnostic' && data.message.startsWith('Error: '))
      yield line({ kind: 'note', text: data.message });
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    const isParent = hasInner[data.nesting + 1];
    hasInner[data.nesting + 1] = false;
    hasInner[data.nesting] = true;
    const error = data.details?.error;
    if (isParent && (type === 'test:pass' || error?.failureType === 'subtestsFailed')) continue;
    if (data.details?.type === 'suite' && type === 'test:pass') continue;
    const unrun = data.skip !== undefined ? data.skip : data.todo;
    yield line({
      kind: unrun !== undefined ? 'skip' : type === 'test:pass' ? 'pass' : 'fail',
      name: data.name,
      ...(unrun === undefined ? {} : { reason: typeof unrun === 'string' ? unrun : 'no reason given' }),
      ...(type === 'test:fail' ? { error: textOf(error) } : {}),
    });
  }
}

const line = (value) => `${JSON.stringify(value)}\n`;

function textOf(error) {
  const cause = error?.cause ?? error;
  return String(cause?.stack ?? cause).slice(0, 8_000);
}
