/** In which order services are stopped: who needs others goes before them; pure. */

/** Groups to stop one after another, each at once. Names in `needs` that are not services are ignored, circles are cut. */
export function stopOrder(needs: Readonly<Record<string, readonly string[]>>): string[][] {
  const groups: string[][] = [];
  const left = new Set(Object.keys(needs));
  while (left.size > 0) {
    const isNeeded = new Set([...left].flatMap((name) => needs[name]!.filter((other) => other !== name)));
    const free = [...left].filter((name) => !isNeeded.has(name));
    const group = free.length > 0 ? free : [...left];
    groups.push(group);
    for (const name of group) left.delete(name);
  }
  return groups;
}
