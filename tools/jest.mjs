// Jest with native ES modules: `node tools/jest.mjs [jest's arguments]`.
import { join } from 'node:path'
import { root, spawned } from './setup/exec.mjs'

const { code } = await spawned(process.execPath, [
  // Jest's support of ES modules stands on Node's vm modules, which warn that they are experimental.
  '--experimental-vm-modules',
  '--disable-warning=ExperimentalWarning',
  join(root, 'node_modules/jest/bin/jest.js'),
  '--config',
  join(root, 'jest.config.mjs'),
  ...process.argv.slice(2),
])
process.exitCode = code ?? 1
