/** Says which of many things falls due next: a binary heap in which putting something off costs nothing. */

interface Entry<T> {
  readonly dueMs: number;
  readonly item: T;
}

/** An item is in the queue at most once in effect: what counts is the last time given for it. */
export class DueQueue<T extends object> {
  private readonly heap: Entry<T>[] = [];
  private readonly due = new Map<T, { dueMs: number; queuedMs: number }>();

  get size(): number {
    return this.due.size;
  }

  /** Sets when `item` falls due. A later time than before leaves the heap as it is: the entry is moved when it comes up. */
  set(item: T, dueMs: number): void {
    const known = this.due.get(item);
    if (known === undefined) this.due.set(item, { dueMs, queuedMs: dueMs });
    else {
      known.dueMs = dueMs;
      if (known.queuedMs <= dueMs) return;
      known.queuedMs = dueMs;
    }
    this.push({ dueMs, item });
  }

  delete(item: T): void {
    this.due.delete(item);
  }

  /** No item is due before this; null when there is none. May be early, never late. */
  get nextMs(): number | null {
    return this.heap[0]?.dueMs ?? null;
  }

  /** Takes out an item that is due; null when none is. */
  takeDue(nowMs: number): T | null {
    for (let top = this.heap[0]; top !== undefined && top.dueMs <= nowMs; top = this.heap[0]) {
      this.pop();
      const known = this.due.get(top.item);
      if (known === undefined || known.queuedMs !== top.dueMs) continue;
      if (known.dueMs <= nowMs) {
        this.due.delete(top.item);
        return top.item;
      }
      known.queuedMs = known.dueMs;
      this.push({ dueMs: known.dueMs, item: top.item });
    }
    return null;
  }

  private push(entry: Entry<T>): void {
    const { heap } = this;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent]!.dueMs <= entry.dueMs) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = entry;
  }

  private pop(): void {
    const { heap } = this;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.dueMs < heap[child]!.dueMs) child += 1;
      if (last.dueMs <= heap[child]!.dueMs) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}
