// The native workspace package's build script, for Nx and Turborepo: the same step as in `npm start`.
import { native } from './setup/steps.mjs'

await native()
