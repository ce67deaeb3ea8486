import { expect, test } from '@jest/globals'
import { violation, violationsIn } from '../checks/imports.mjs'

const core = (path) => `packages/core/src/${path}`

test.each([
  ['nn/linear.ts', '../ops/matmul.js'],
  ['ops/matmul.ts', '../tensor/tensor.js'],
  ['ops/matmul.ts', './helpers/shape.js'],
  ['tensor/tensor.ts', '../errors.js'],
  ['index.ts', './nn/index.js'],
  ['hub/load.ts', '../files/index.js'],
  ['cli/index.ts', '../hub/index.js'],
  ['binding/native.ts', '@flambeau/native-linux-x64'],
  ['binding/native.ts', 'node:fs'],
])('core: %s may import %s', (file, specifier) => {
  expect(violation(core(file), specifier)).toBeUndefined()
})

test.each([
  ['tensor/tensor.ts', '../ops/add.js', /above/],
  ['autograd/engine.ts', '../nn/module.js', /above/],
  ['errors.ts', './tensor/tensor.js', /above/],
  ['ops/add.ts', '../index.js', /above/],
  ['optim/sgd.ts', '../nn/parameter.js', /side by side/],
  ['files/torch.ts', '../hub/index.js', /side by side/],
  ['hub/load.ts', '../nn/module.js', /side by side/],
  ['nn/linear.ts', '@flambeau/vision', /no other package/],
  ['nn/linear.ts', '@flambeau/core', /relative path/],
  ['nn/linear.ts', '../../../vision/src/index.js', /own package/],
])('core: %s may not import %s', (file, specifier, why) => {
  expect(violation(core(file), specifier)).toMatch(why)
})

test('a sibling imports only core, by its public entries', () => {
  const file = 'packages/vision/src/mnist.ts'
  expect(violation(file, '@flambeau/core')).toBeUndefined()
  expect(violation(file, '@flambeau/core/hub')).toBeUndefined()
  expect(violation(file, '@flambeau/core/dist/tensor/tensor.js')).toMatch(/public/)
  expect(violation(file, '@flambeau/audio')).toMatch(/only @flambeau\/core/)
})

test('every form of import is seen, and none in a comment', () => {
  const text = `
    import { a } from '../nn/a.js'
    import type { B } from "../nn/b.js"
    import '../nn/c.js'
    export * from '../nn/d.js'
    const e = await import('../nn/e.js')
    import {
      f,
    } from '../nn/f.js'
    // import { g } from '../nn/g.js'
    /** import { h } from '../nn/h.js' */
    import { i } from './i.js'`
  expect(violationsIn(core('tensor/x.ts'), text)).toHaveLength(6)
})
