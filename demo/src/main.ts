/** The command `npm run demo`: reads what to load, loads it, and says how to sign in. */
import { parseArgs } from 'node:util';
import { personNumbered } from './cast.ts';
import { load } from './load.ts';
import { readGraph, readPosts, ScriptError, smallScript } from './script.ts';
import type { Script } from './script.ts';

const HELP = `Loads demo data into a running yard, through its public API. Safe to repeat.

  npm run demo                                    a small yard of 24 people
  npm run demo -- --graph FILE --posts FILE       people and friendships from a graph, posts from lines of text

  --graph FILE     one pair of numbers a line: who is whose friend
  --posts FILE     text; each line of 20 to 500 characters is a post
  --max-posts N    how many lines to post (default 4000)
  --url URL        the gateway (default http://localhost:8000)
`;

const OPTIONS = {
  graph: { type: 'string' },
  posts: { type: 'string' },
  'max-posts': { type: 'string', default: '4000' },
  url: { type: 'string', default: 'http://localhost:8000' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

class UsageError extends Error {}

function scriptOf(values: { graph?: string | undefined; posts?: string | undefined; 'max-posts': string }): Script {
  const maxPosts = Number(values['max-posts']);
  if (!Number.isInteger(maxPosts) || maxPosts < 0)
    throw new UsageError(`--max-posts must be a whole number, read ${values['max-posts']}`);
  const graph = values.graph === undefined ? smallScript() : readGraph(values.graph);
  const posts =
    values.posts === undefined
      ? values.graph === undefined
        ? smallScript().posts
        : []
      : readPosts(values.posts, graph.people, maxPosts);
  return { people: graph.people, friendships: graph.friendships, posts };
}

async function main(): Promise<number> {
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort(new Error('stopped; run it again to go on')));
  try {
    const { values } = parseArgs({ options: OPTIONS });
    if (values.help) {
      process.stdout.write(HELP);
      return 0;
    }
    const script = scriptOf(values);
    await answering(values.url);
    await load(script, { origin: values.url, output: process.stderr, signal: stop.signal });
    const somebody = personNumbered(script.people[0]!);
    process.stdout.write(`Sign in at ${values.url} as ${somebody.handle} with the password ${somebody.password}\n`);
    return 0;
  } catch (error) {
    const isUsage =
      error instanceof UsageError || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS') === true;
    process.stderr.write(`\ndemo: ${(error as Error).message}\n${isUsage ? `\n${HELP}` : ''}`);
    return isUsage ? 2 : error instanceof ScriptError ? 1 : stop.signal.aborted ? 130 : 1;
  }
}

async function answering(url: string): Promise<void> {
  try {
    const response = await fetch(`${url}/-/ready`, { signal: AbortSignal.timeout(5_000) });
    if (!response.ok) throw new Error(`it answers ${response.status}`);
  } catch (error) {
    throw new Error(`no yard is ready at ${url} (${(error as Error).message}); start it with npm start`, {
      cause: error,
    });
  }
}

process.exitCode = await main();
