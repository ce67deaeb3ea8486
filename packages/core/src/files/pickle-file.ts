// Plain pickles of data: dicts, lists, numbers, strings and NumPy arrays.
import { FormatError } from '../errors.js'
import { readPickle } from './pickle.js'
import { PickleInput } from './pickle-input.js'
import { withSource } from './source.js'
import { Builder, type SavedValue } from './torch-build.js'
import { TorchScope } from './torch-scope.js'

/**
 * Reads a pickle of data, such as the batches of CIFAR. No code of the file is ever run: it may name containers, numbers
 * and NumPy arrays, and whatever else it names is refused by that name. Arrays become tensors.
 *
 * @returns what was pickled; its type is the caller's knowledge and is not checked
 * @throws FormatError for a damaged file, or one that asks for more than data
 */
export function loadPickle<T = SavedValue>(path: string): T {
  return withSource('loadPickle', path, (source) => {
    const value = readPickle(new PickleInput(source), new TorchScope(source.name, source.size))
    const builder = new Builder(source.name, ({ key }) => {
      throw new FormatError(`${source.name}: storage '${key}' is not in the file`)
    })
    return builder.build(value)
  }) as T
}
