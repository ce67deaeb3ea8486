// Bundles the built core: more than a hundred modules load in over 100 ms one by one, and in half of that as a few
// files. What both entries share lies in one chunk, so that a process has every module once. Declarations stay where
// tsc put them. Comments and blanks are left out, which is a fifth of the time to load, and names within functions are
// short, a tenth. Classes and functions keep theirs, which errors, stack traces and graphs show.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { minify } from '@swc/core'
import { rollup } from 'rollup'

const dist = fileURLToPath(new URL('../packages/core/dist/', import.meta.url))

const NAMES = { keep_classnames: true, keep_fnames: true }

export async function bundle() {
  rmSync(join(dist, 'bundle'), { recursive: true, force: true })
  const built = await rollup({
    // Worker threads are found beside the file that starts them.
    input: {
      index: join(dist, 'index.js'),
      worker: join(dist, 'data/worker.js'),
      'checkpoint-worker': join(dist, 'files/checkpoint-worker.js'),
      addons: join(dist, 'tensor/addons.js'),
      distributed: join(dist, 'distributed/index.js'),
      distributions: join(dist, 'distributions/index.js'),
      errors: join(dist, 'errors.js'),
      hub: join(dist, 'hub/index.js'),
      metrics: join(dist, 'metrics/index.js'),
      regions: join(dist, 'ops/regions.js'),
      tables: join(dist, 'tables/index.js'),
      cli: join(dist, 'cli/index.js'),
    },
    external: (id) =>
      id.startsWith('node:') || ['tar', 'csv-parse/sync', 'hyparquet', 'hyparquet-compressors'].includes(id),
    // Operators register themselves when their module runs.
    treeshake: false,
    plugins: [
      {
        name: 'compact',
        renderChunk: (code) => minify(code, { compress: false, mangle: NAMES, module: true, sourceMap: true }),
      },
    ],
    // Operators are defined by each other: their modules import in circles, and call each other only later.
    onwarn: (warning, warn) => warning.code !== 'CIRCULAR_DEPENDENCY' && warn(warning),
  })
  await built.write({ dir: join(dist, 'bundle'), sourcemap: true, chunkFileNames: 'core.js' })
  await built.close()
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await bundle()
