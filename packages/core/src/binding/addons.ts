// `@flambeau/core/addons`: native code of sibling packages, which is built and shipped with core's.
export { loadBeside } from './native.js'
