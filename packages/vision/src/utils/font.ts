// Letters of 3 × 5 pixels: five rows of three bits each, the upper left one first.
const GLYPHS: Readonly<Record<string, string>> = {
  ' ': '00000',
  '!': '22202',
  '%': '51245',
  '(': '12221',
  ')': '42224',
  '+': '02720',
  ',': '00024',
  '-': '00700',
  '.': '00002',
  '/': '11244',
  0: '75557',
  1: '26227',
  2: '71747',
  3: '71317',
  4: '55711',
  5: '74717',
  6: '74757',
  7: '71122',
  8: '75757',
  9: '75717',
  ':': '02020',
  '=': '07070',
  '?': '71202',
  A: '25755',
  B: '65656',
  C: '34443',
  D: '65556',
  E: '74647',
  F: '74644',
  G: '34553',
  H: '55755',
  I: '72227',
  J: '11152',
  K: '55655',
  L: '44447',
  M: '57755',
  N: '65555',
  O: '25552',
  P: '65644',
  Q: '25563',
  R: '65655',
  S: '34216',
  T: '72222',
  U: '55557',
  V: '55552',
  W: '55775',
  X: '55255',
  Y: '55222',
  Z: '71247',
  _: '00007',
}

/** Which pixels of a text are set, rows first; letters that are not known are a box. */
export function textPixels(text: string): boolean[][] {
  const glyphs = Array.from(text.toUpperCase(), (letter) => GLYPHS[letter] ?? '75557')
  return Array.from({ length: 5 }, (_, row) =>
    glyphs.flatMap((glyph) => {
      const bits = Number(glyph[row])
      return [(bits & 4) !== 0, (bits & 2) !== 0, (bits & 1) !== 0, false]
    }),
  )
}
