/** @type {import('jest').Config} */
export default {
  // Tests import the built packages by name: what runs is what ships.
  roots: ['<rootDir>/packages', '<rootDir>/docs', '<rootDir>/tools'],
  testMatch: ['**/test/**/*.test.{ts,mjs}'],
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/.*/dist/'],
  modulePathIgnorePatterns: ['<rootDir>/.flambeau', '<rootDir>/native/build'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'es6' }, sourceMaps: 'inline' },
    ],
  },
  // What several tests of a package share stands in test/support, as TypeScript.
  moduleNameMapper: { '^(\\./support/.+)\\.js$': '$1.ts' },
  testEnvironment: 'node',
  // A machine that is busy with other work takes many times as long; this is for what hangs.
  testTimeout: 120_000,
  // One core to each worker: kernels are threaded themselves.
  maxWorkers: '50%',
}
