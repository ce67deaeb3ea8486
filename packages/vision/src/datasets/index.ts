export { readIdx } from './idx.js'
export { FashionMNIST, MNIST, type MNISTOptions } from './mnist.js'
