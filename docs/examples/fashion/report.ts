// What the network confuses: in words, and as a picture.
import { cat, full, ones, stack, type Tensor, zeros } from '@flambeau/core'

/** Pixels of a cell: an image, and a line around it. */
const CELL = 30
/** Misread images that are shown of each class. */
const SHOWN = 12

/** The share that is read right of each class, and what it is most often taken for. */
export function report(matrix: Tensor, classes: readonly string[]): string {
  const rows = matrix.toArray() as number[][]
  return rows
    .map((row, i) => {
      const others = row.map((count, j) => ({ count, j })).filter(({ j }) => j !== i)
      const worst = others.reduce((a, b) => (b.count > a.count ? b : a))
      const all = Math.max(
        1,
        row.reduce((a, b) => a + b),
      )
      const taken = worst.count > 0 ? `, ${worst.count} taken for ${classes[worst.j]}` : ''
      return `${classes[i].padEnd(12)} ${((100 * row[i]) / all).toFixed(1).padStart(5)} % right${taken}`
    })
    .join('\n')
}

/**
 * A line for each class: its row of the confusion matrix, the brighter the more often, right in green and wrong in
 * red; then images of it that were misread.
 *
 * @param matrix counts [10, 10]
 * @param test batches of images, uint8 [N, 1, 28, 28], and labels
 * @param readings what was read in each batch
 * @returns [3, 300, 660]
 */
export async function drawMisread(
  matrix: Tensor,
  test: AsyncIterable<[Tensor, Tensor]>,
  readings: readonly Tensor[],
): Promise<Tensor> {
  const misread: Tensor[][] = Array.from({ length: 10 }, () => [])
  let at = 0
  for await (const [images, labels] of test) {
    const wrong = readings[at++].ne(labels).nonzero().reshape([-1]).toArray() as number[]
    const actual = labels.toArray() as number[]
    for (const i of wrong) if (misread[actual[i]].length < SHOWN) misread[actual[i]].push(images.select(0, i))
  }
  const shares = matrix
    .to('float32')
    .div(matrix.sum(1, { keepdim: true }).clamp(1))
    .toArray() as number[][]
  const lines = shares.map((row, i) => {
    const cells = row.map((share, j) => cell(share, i === j))
    const images = Array.from({ length: SHOWN }, (_, k) => framed(misread[i][k]))
    return cat([...cells, ...images], 2)
  })
  return cat(lines, 1)
}

/** A cell of the matrix; small shares show too. */
function cell(share: number, right: boolean): Tensor {
  const bright = Math.sqrt(share)
  const colour = right ? [0.1, bright, 0.2] : [bright, 0.15, 0.1]
  const inner = stack(colour.map((value) => full([CELL - 2, CELL - 2], value)))
  return framedColour(inner)
}

const framed = (image: Tensor | undefined): Tensor =>
  framedColour(
    image === undefined
      ? zeros([3, CELL - 2, CELL - 2])
      : image
          .to('float32')
          .div(255)
          .mul(ones([3, 1, 1])),
  )

function framedColour(inner: Tensor): Tensor {
  const result = zeros([3, CELL, CELL])
  result
    .narrow(1, 1, CELL - 2)
    .narrow(2, 1, CELL - 2)
    .copy_(inner)
  return result
}
