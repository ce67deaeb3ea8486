// G.711: 8-bit logarithmic codes of 14-bit (µ-law) and 13-bit (A-law) samples, scaled to 16 bits.

const BIAS = 0x84
const CLIP = 32635

/** The 16-bit value of each µ-law code. */
const ULAW = Int16Array.from({ length: 256 }, (_, code) => {
  const inverted = ~code & 0xff
  const magnitude = ((((inverted & 0x0f) << 3) + BIAS) << ((inverted >> 4) & 7)) - BIAS
  return inverted & 0x80 ? -magnitude : magnitude
})

/** The 16-bit value of each A-law code. */
const ALAW = Int16Array.from({ length: 256 }, (_, code) => {
  const even = code ^ 0x55
  const segment = (even >> 4) & 7
  const step = (even & 0x0f) << 4
  const magnitude = segment === 0 ? step + 8 : (step + 0x108) << (segment - 1)
  return even & 0x80 ? magnitude : -magnitude
})

/** 16-bit samples of codes. */
export function expand(law: 'ULAW' | 'ALAW', codes: Uint8Array): Int16Array {
  const table = law === 'ULAW' ? ULAW : ALAW
  return Int16Array.from(codes, (code) => table[code])
}

function ulawOf(sample: number): number {
  const sign = sample < 0 ? 0x80 : 0
  const magnitude = Math.min(Math.abs(sample), CLIP) + BIAS
  const exponent = 31 - Math.clz32(magnitude) - 7
  return ~(sign | (exponent << 4) | ((magnitude >> (exponent + 3)) & 0x0f)) & 0xff
}

function alawOf(sample: number): number {
  const sign = sample < 0 ? 0 : 0x80
  // Negative values count from -1: the codes of both signs cover equal ranges.
  const magnitude = sample < 0 ? -sample - 1 : sample
  const segment = Math.max(0, 31 - Math.clz32(magnitude | 1) - 7)
  const step = segment === 0 ? magnitude >> 4 : magnitude >> (segment + 3)
  return (sign | (segment << 4) | (step & 0x0f)) ^ 0x55
}

/** Codes of 16-bit samples. */
export function compress(law: 'ULAW' | 'ALAW', samples: Int16Array): Uint8Array {
  return Uint8Array.from(samples, law === 'ULAW' ? ulawOf : alawOf)
}
