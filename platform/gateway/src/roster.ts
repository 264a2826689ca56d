/** Those that are there now, in no order: to come and to go costs nothing, not even a hash. */

export interface Rostered {
  /** Its place in the roster, kept by that alone; -1: in none. */
  place: number;
}

export class Roster<T extends Rostered> {
  private readonly all: T[] = [];

  get size(): number {
    return this.all.length;
  }

  /** Again does nothing. */
  add(one: T): void {
    if (one.place !== -1) return;
    one.place = this.all.length;
    this.all.push(one);
  }

  /** Again does nothing. */
  remove(one: T): void {
    if (one.place === -1) return;
    const last = this.all.pop()!;
    if (last !== one) {
      this.all[one.place] = last;
      last.place = one.place;
    }
    one.place = -1;
  }

  /** Those that `visit` removes are not missed by others; those that it adds are not visited. */
  forEach(visit: (one: T) => void): void {
    for (let place = this.all.length - 1; place >= 0; place -= 1) {
      const one = this.all[place];
      if (one !== undefined) visit(one);
    }
  }
}
