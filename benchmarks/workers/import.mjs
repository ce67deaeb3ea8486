// Milliseconds from before the import to the first operator's result.
const start = performance.now()
const { tensor } = await import('@flambeau/core')
const result = tensor([1, 2]).add(1).toArray()
console.log(result[1] === 3 ? performance.now() - start : Number.NaN)
