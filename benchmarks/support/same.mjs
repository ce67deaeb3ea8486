// Whether both contestants compute the same, before they are timed.

/** Asks both to `check` (lists of numbers by name) and ends with a message where they differ by more than `tolerance`. */
export async function needSame(ours, theirs, tolerance) {
  const [a, b] = [await ours.ask('check'), await theirs.ask('check')]
  for (const name of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const [x, y] = [a[name], b[name]]
    const scale = Math.max(...(y ?? []).map(Math.abs))
    const off = x?.length === y?.length ? Math.max(...y.map((v, i) => Math.abs(v - x[i]))) : Number.POSITIVE_INFINITY
    if (off <= tolerance * scale) continue
    console.error(`✗ the two do not compute the same: ${name} is ${JSON.stringify(x)}, PyTorch's ${JSON.stringify(y)}`)
    process.exit(1)
  }
  console.log(`✓ the same loss, gradients and updates (${Object.keys(b).length} lists of numbers within ${tolerance})`)
}
