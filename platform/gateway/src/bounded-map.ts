/**
 * A map of bounded size that forgets what was not used lately. Two generations: when the young one is full it becomes the old
 * one, and the old one is dropped whole. (Deleting a Map's first key one by one lost: V8 walks over all holes before it.)
 */
export class BoundedMap<V> {
  private young = new Map<string, V>();
  private old = new Map<string, V>();
  private readonly halfMax: number;

  /** At most `max` entries, of which the `max / 2` used last are always there. */
  constructor(max: number) {
    this.halfMax = Math.max(1, Math.floor(max / 2));
  }

  get size(): number {
    return this.young.size + this.old.size;
  }

  get(key: string): V | undefined {
    const value = this.young.get(key);
    if (value !== undefined) return value;
    const older = this.old.get(key);
    if (older === undefined) return undefined;
    this.old.delete(key);
    this.set(key, older);
    return older;
  }

  set(key: string, value: V): void {
    if (this.young.size >= this.halfMax && !this.young.has(key)) this.turn();
    if (this.old.size > 0) this.old.delete(key);
    this.young.set(key, value);
  }

  delete(key: string): void {
    this.young.delete(key);
    this.old.delete(key);
  }

  *values(): Generator<V> {
    yield* this.young.values();
    yield* this.old.values();
  }

  /** Drops what was not used since the last turn. */
  turn(): void {
    this.old = this.young;
    this.young = new Map();
  }
}
