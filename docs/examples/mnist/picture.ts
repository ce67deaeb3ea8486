// A picture of digits with captions.
import { cat, ones, type Tensor, tensor, zeros } from '@flambeau/core'
import { mean, std } from './digits.js'

/** The digits 0 to 9, 3 × 5 pixels each. */
const FONT = [
  ['###', '# #', '# #', '# #', '###'],
  [' # ', '## ', ' # ', ' # ', '###'],
  ['###', '  #', '###', '#  ', '###'],
  ['###', '  #', ' ##', '  #', '###'],
  ['# #', '# #', '###', '  #', '  #'],
  ['###', '#  ', '###', '  #', '###'],
  ['###', '#  ', '###', '# #', '###'],
  ['###', '  #', ' # ', ' # ', ' # '],
  ['###', '# #', '###', '# #', '###'],
  ['###', '# #', '###', '  #', '###'],
]

const GREEN = tensor([0.3, 0.9, 0.4]).view([3, 1, 1])
const RED = tensor([1, 0.3, 0.3]).view([3, 1, 1])

/** Each pixel as `times` × `times` pixels. @param image [C, H, W] */
function enlarge(image: Tensor, times: number): Tensor {
  const [c, h, w] = image.shape
  return image
    .view([c, h, 1, w, 1])
    .expand([c, h, times, w, times])
    .reshape([c, h * times, w * times])
}

/** A caption of 12 × 56 pixels: the digit in green where it is right, otherwise in red. @returns [3, 12, 56] */
function caption(digit: number, right: boolean): Tensor {
  const glyph = tensor(FONT[digit].map((row) => Array.from(row, (c) => (c === '#' ? 1 : 0)))).view([1, 5, 3])
  const strip = zeros([3, 12, 56])
  strip
    .narrow(1, 1, 10)
    .narrow(2, 25, 6)
    .copy_(enlarge(glyph, 2).mul(right ? GREEN : RED))
  return strip
}

/**
 * Images with what was read in them below.
 *
 * @param images normalized, [N, 1, 28, 28]
 * @param readings what was read, [N]
 * @param labels what is there, [N]
 * @returns N pictures [3, 68, 56]
 */
export function captioned(images: Tensor, readings: Tensor, labels: Tensor): Tensor[] {
  return Array.from({ length: images.shape[0] }, (_, i) => {
    const digit = enlarge(
      images
        .select(0, i)
        .mul(std)
        .add(mean)
        .mul(ones([3, 1, 1])),
      2,
    )
    const reading: number = readings.select(0, i).item()
    return cat([digit, caption(reading, reading === labels.select(0, i).item())], 1)
  })
}
