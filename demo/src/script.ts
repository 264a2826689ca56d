/** What is to be loaded: people, pairs of friends and lines of text, read from files or made for a small yard. */
import { readFileSync } from 'node:fs';

export interface Script {
  /** Numbers of the people, ascending. */
  readonly people: readonly number[];
  /** Pairs of friends, smaller number first, each once. */
  readonly friendships: readonly (readonly [number, number])[];
  /** In the order in which they are posted. */
  readonly posts: readonly { readonly author: number; readonly text: string }[];
}

/** A fault in a file that the user gave. */
export class ScriptError extends Error {}

/** One pair of whole numbers a line, separated by white space or a comma; lines that begin with `#` or `%` are comments; pairs repeated or with oneself are dropped. */
export function readGraph(file: string): Pick<Script, 'people' | 'friendships'> {
  const people = new Set<number>();
  const pairs = new Map<string, readonly [number, number]>();
  for (const [index, line] of readText(file).split('\n').entries()) {
    if (line.trim() === '' || /^\s*[#%]/.test(line)) continue;
    const match = /^\s*(\d{1,9})[\s,]+(\d{1,9})(?:[\s,].*)?$/.exec(line);
    if (match === null)
      throw new ScriptError(
        `${file}:${index + 1}: expected two whole numbers, read ${JSON.stringify(line.slice(0, 60))}`,
      );
    const [a, b] = [Number(match[1]), Number(match[2])].toSorted((x, y) => x - y) as [number, number];
    people.add(a).add(b);
    if (a !== b) pairs.set(`${a}:${b}`, [a, b]);
  }
  if (people.size === 0) throw new ScriptError(`${file}: has no pair of numbers`);
  return { people: [...people].toSorted((x, y) => x - y), friendships: [...pairs.values()] };
}

/** Lines of 20 to 500 characters, each once, spread over the people in turn; at most `max`. */
export function readPosts(file: string, people: readonly number[], max: number): Script['posts'] {
  const lines = new Set(
    readText(file)
      .split('\n')
      .map((line) => line.replaceAll(/\p{Cc}/gu, ' ').trim())
      .filter((line) => line.length >= 20 && line.length <= 500),
  );
  if (lines.size === 0) throw new ScriptError(`${file}: has no line of 20 to 500 characters`);
  return inTurn([...lines].slice(0, max), people);
}

const SMALL_TALK = [
  'First light on the harbour. Coffee tastes better out here.',
  'Does anybody have a spare ticket for Friday?',
  'Fixed the bike. It squeaks now, but in tune.',
  'Reading about railway switches and cannot stop.',
  'The bakery on the corner started making cardamom buns again.',
  'Three services, one door, no dropped requests. Good evening.',
  'Learning Korean: 오늘은 날씨가 정말 좋네요.',
  'Anyone up for a walk along the river on Sunday?',
  'My tomatoes are finally ripe. All four of them.',
  'Night train to Vienna. Window seat, good book, no signal.',
  'A heron stood on our roof this morning as if it paid rent.',
  'Rewrote it in fewer lines. Slept better.',
  'Who recommended that film? We need to talk.',
  'Snow in the hills, sun in the valley, gloves in the wrong jacket.',
  'The old radio works again. It only needed dusting and patience.',
  '바다 보러 가고 싶다. 이번 주말에 같이 갈 사람?',
];

/** 24 people in a ring of small circles, with some posts each. */
export function smallScript(): Script {
  const people = Array.from({ length: 24 }, (_, index) => index + 1);
  const friendships: [number, number][] = [];
  for (const person of people) {
    for (const step of [1, 2, 5]) {
      const other = ((person - 1 + step) % people.length) + 1;
      friendships.push(person < other ? [person, other] : [other, person]);
    }
  }
  return {
    people,
    friendships,
    posts: inTurn(
      [
        ...SMALL_TALK,
        ...SMALL_TALK.map((line) => `${line} (again)`),
        ...SMALL_TALK.map((line) => `Overheard: ${line}`),
      ],
      people,
    ),
  };
}

const inTurn = (lines: readonly string[], people: readonly number[]): Script['posts'] =>
  lines.map((text, index) => ({ author: people[(index * 7) % people.length]!, text }));

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ScriptError(`cannot read ${file}: ${(error as Error).message}`, { cause: error });
  }
}
