/** All ascending choices of `r` numbers below `n`. */
export function combinationIndices(n: number, r: number, withReplacement: boolean): number[][] {
  const rows: number[][] = []
  const row: number[] = []
  const extend = (from: number): void => {
    if (row.length === r) {
      rows.push([...row])
      return
    }
    for (let i = from; i < n; i++) {
      row.push(i)
      extend(withReplacement ? i : i + 1)
      row.pop()
    }
  }
  extend(0)
  return rows
}
