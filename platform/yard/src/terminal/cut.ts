/** Text that fits into a number of columns. */

/** The first `columns` visible characters; colour sequences count nothing and are kept whole. */
export function cut(text: string, columns: number): string {
  let visible = 0;
  let result = '';
  for (const part of text.split(/(\u001B\[[0-9;]*m)/)) {
    if (part.startsWith('\u001B[')) {
      result += part;
      continue;
    }
    const room = Math.max(0, columns - visible);
    const characters = Array.from(part);
    result += characters.slice(0, room).join('');
    visible += characters.length;
  }
  return result;
}

/** The text in lines of at most `columns` characters, broken at spaces where there are any. No colour sequences in it. */
export function wrapped(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && Array.from(line).length + 1 + Array.from(word).length > columns) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
