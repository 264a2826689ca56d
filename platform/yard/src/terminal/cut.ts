/** Text that fits into a number of columns. */

const SEQUENCE = /(\u001B\[[0-9;]*m)/;

/** At most `columns` visible characters, the last of them … where something is missing; colour sequences count nothing and are all kept. */
export function cut(text: string, columns: number): string {
  const isWhole = visibleLength(text) <= columns;
  let room = isWhole ? columns : columns - 1;
  let isEnded = false;
  let result = '';
  for (const part of text.split(SEQUENCE)) {
    if (part.startsWith('\u001B[')) {
      result += part;
      continue;
    }
    const characters = Array.from(part);
    if (!isEnded) result += characters.slice(0, room).join('');
    if (!isEnded && characters.length > room) {
      isEnded = true;
      result += '…';
    }
    room = Math.max(0, room - characters.length);
  }
  return result;
}

/** The text in lines of at most `columns` visible characters, broken at spaces; a word that is longer has a line of its own. */
export function wrapped(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && visibleLength(line) + 1 + visibleLength(word) > columns) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

const visibleLength = (text: string): number =>
  text
    .split(SEQUENCE)
    .filter((part) => !part.startsWith('\u001B['))
    .reduce((sum, part) => sum + Array.from(part).length, 0);
