/** Two sequences laid beside each other: which items of one have a counterpart in the other. */
export interface Alignment {
  /** Pairs of indexes (expected, actual), both ascending. */
  readonly pairs: readonly (readonly [number, number])[];
  /** Indexes of expected items without a counterpart. */
  readonly missing: readonly number[];
  /** Indexes of actual items without a counterpart. */
  readonly extra: readonly number[];
}

/**
 * Finds the longest common subsequence. What begins and ends alike is not looked at twice, so the quadratic part is
 * only as large as what differs.
 */
export function alignSequences(expected: readonly string[], actual: readonly string[]): Alignment {
  let start = 0;
  while (start < expected.length && start < actual.length && expected[start] === actual[start]) start++;
  let endExpected = expected.length;
  let endActual = actual.length;
  while (endExpected > start && endActual > start && expected[endExpected - 1] === actual[endActual - 1]) {
    endExpected--;
    endActual--;
  }
  const rows = endExpected - start;
  const columns = endActual - start;
  const width = columns + 1;
  /** At (row, column): the length of the longest common subsequence of what follows. */
  const common = new Uint16Array((rows + 1) * width);
  for (let row = rows - 1; row >= 0; row--) {
    for (let column = columns - 1; column >= 0; column--) {
      common[row * width + column] =
        expected[start + row] === actual[start + column]
          ? common[(row + 1) * width + column + 1]! + 1
          : Math.max(common[(row + 1) * width + column]!, common[row * width + column + 1]!);
    }
  }

  const pairs: [number, number][] = [];
  const missing: number[] = [];
  const extra: number[] = [];
  for (let index = 0; index < start; index++) pairs.push([index, index]);
  let row = 0;
  let column = 0;
  while (row < rows || column < columns) {
    if (row < rows && column < columns && expected[start + row] === actual[start + column]) {
      pairs.push([start + row++, start + column++]);
    } else if (
      column === columns ||
      (row < rows && common[(row + 1) * width + column]! >= common[row * width + column + 1]!)
    ) {
      missing.push(start + row++);
    } else {
      extra.push(start + column++);
    }
  }
  for (let index = 0; endExpected + index < expected.length; index++) {
    pairs.push([endExpected + index, endActual + index]);
  }
  return { pairs, missing, extra };
}
