/**
 * The merge loop of byte-pair encoding: a linked list of symbols and a heap of the pairs that may merge, lowest rank
 * first and leftmost among equals, so n symbols take n log n steps (Hugging Face's `tokenizers`, bpe/word.rs).
 */

export interface Merges {
  /** `pairOf` two ids -> the merge's place in the list */
  readonly rank: ReadonlyMap<number, number>;
  /** the id that the merge of a rank makes */
  readonly made: Int32Array;
}
/** Ids stay below this, so that a pair of them is one whole number. */
export const idLimit = 4_194_304;
export const pairOf = (left: number, right: number): number => left * idLimit + right;

const places = 2 ** 28; // a heap's key is rank * places + place: both stay whole below 2^53

/** The symbols of a word after all merges. */
export function mergeAll(ids: readonly number[], merges: Merges): number[] {
  const n = ids.length;
  if (n < 2) return [...ids];
  const at = Int32Array.from(ids); // -1: merged into its left neighbour
  const next = Int32Array.from({ length: n }, (_, i) => (i + 1 < n ? i + 1 : -1));
  const before = Int32Array.from({ length: n }, (_, i) => i - 1);
  const heap: number[] = [];
  const offer = (place: number) => {
    const right = next[place];
    if (right < 0) return;
    const rank = merges.rank.get(pairOf(at[place], at[right]));
    if (rank !== undefined) push(heap, rank * places + place);
  };
  for (let i = 0; i + 1 < n; i++) offer(i);
  while (heap.length) {
    const key = pop(heap);
    const place = key % places;
    const right = next[place];
    if (at[place] < 0 || right < 0) continue;
    const rank = (key - place) / places;
    if (merges.rank.get(pairOf(at[place], at[right])) !== rank) continue; // one of the two has merged elsewhere
    at[place] = merges.made[rank];
    at[right] = -1;
    next[place] = next[right];
    if (next[place] >= 0) before[next[place]] = place;
    offer(place);
    if (before[place] >= 0) offer(before[place]);
  }
  const out: number[] = [];
  for (let i = 0; i >= 0; i = next[i]) out.push(at[i]);
  return out;
}

function push(heap: number[], key: number): void {
  let i = heap.push(key) - 1;
  for (let up = (i - 1) >> 1; i > 0 && heap[up] > key; up = (i - 1) >> 1) {
    heap[i] = heap[up];
    i = up;
  }
  heap[i] = key;
}
function pop(heap: number[]): number {
  const top = heap[0];
  const key = heap.pop()!;
  const n = heap.length;
  if (!n) return top;
  let i = 0;
  for (let down = 1; down < n; down = 2 * i + 1) {
    if (down + 1 < n && heap[down + 1] < heap[down]) down++;
    if (heap[down] >= key) break;
    heap[i] = heap[down];
    i = down;
  }
  heap[i] = key;
  return top;
}
