// ResNet (He et al., 2015, arXiv:1512.03385), ResNeXt (arXiv:1611.05431) and Wide ResNet (arXiv:1605.07146).
import { ArgumentError, nn, type Tensor } from '@flambeau/core'
import type { Layer } from '../layer.js'
import type { NormLayer } from '../ops/index.js'
import type { ClassifierOptions } from './common.js'
import { register } from './registry.js'

interface BlockOptions {
  readonly stride: number
  readonly downsample: Layer | null
  readonly groups: number
  readonly baseWidth: number
  readonly dilation: number
  readonly normLayer: NormLayer
}

const conv3x3 = (from: number, to: number, stride = 1, groups = 1, dilation = 1): nn.Conv2d =>
  new nn.Conv2d(from, to, 3, { stride, padding: dilation, groups, bias: false, dilation })
const conv1x1 = (from: number, to: number, stride = 1): nn.Conv2d => new nn.Conv2d(from, to, 1, { stride, bias: false })

class BasicBlock extends nn.Module {
  static readonly expansion = 1
  readonly conv1: nn.Conv2d
  readonly bn1: Layer
  readonly relu: nn.ReLU
  readonly conv2: nn.Conv2d
  readonly bn2: Layer
  readonly downsample: Layer | null

  constructor(inplanes: number, planes: number, options: BlockOptions) {
    super()
    const { stride, groups, baseWidth, dilation, normLayer } = options
    if (groups !== 1 || baseWidth !== 64 || dilation > 1)
      throw new ArgumentError('ResNet: the basic block has groups 1, widthPerGroup 64 and no dilation')
    this.conv1 = conv3x3(inplanes, planes, stride)
    this.bn1 = normLayer(planes)
    this.relu = new nn.ReLU({ inplace: true })
    this.conv2 = conv3x3(planes, planes)
    this.bn2 = normLayer(planes)
    this.downsample = options.downsample
  }

  override forward(x: Tensor): Tensor {
    const inner = this.relu.forward(this.bn1.forward(this.conv1.forward(x)))
    const out = this.bn2.forward(this.conv2.forward(inner))
    return this.relu.forward(out.add_(this.downsample?.forward(x) ?? x))
  }
}

class Bottleneck extends nn.Module {
  static readonly expansion = 4
  readonly conv1: nn.Conv2d
  readonly bn1: Layer
  readonly conv2: nn.Conv2d
  readonly bn2: Layer
  readonly conv3: nn.Conv2d
  readonly bn3: Layer
  readonly relu: nn.ReLU
  readonly downsample: Layer | null

  constructor(inplanes: number, planes: number, options: BlockOptions) {
    super()
    const { stride, groups, baseWidth, dilation, normLayer } = options
    const width = Math.floor(planes * (baseWidth / 64)) * groups
    this.conv1 = conv1x1(inplanes, width)
    this.bn1 = normLayer(width)
    this.conv2 = conv3x3(width, width, stride, groups, dilation)
    this.bn2 = normLayer(width)
    this.conv3 = conv1x1(width, planes * Bottleneck.expansion)
    this.bn3 = normLayer(planes * Bottleneck.expansion)
    this.relu = new nn.ReLU({ inplace: true })
    this.downsample = options.downsample
  }

  override forward(x: Tensor): Tensor {
    let out = this.relu.forward(this.bn1.forward(this.conv1.forward(x)))
    out = this.relu.forward(this.bn2.forward(this.conv2.forward(out)))
    out = this.bn3.forward(this.conv3.forward(out))
    return this.relu.forward(out.add_(this.downsample?.forward(x) ?? x))
  }
}

type BlockClass = typeof BasicBlock | typeof Bottleneck

/** The options of `ResNet`. */
export interface ResNetOptions extends ClassifierOptions {
  /** Let each residual branch begin as 0. Default false. */
  readonly zeroInitResidual?: boolean
  /** Groups of the 3 × 3 convolutions. Default 1. */
  readonly groups?: number
  /** Default 64. */
  readonly widthPerGroup?: number
  /** Dilate the last three stages instead of halving the image. */
  readonly replaceStrideWithDilation?: readonly [boolean, boolean, boolean]
  /** Default: batch normalization. */
  readonly normLayer?: NormLayer
}

/** A residual network. */
export class ResNet extends nn.Module {
  readonly conv1: nn.Conv2d
  readonly bn1: Layer
  readonly relu: nn.ReLU
  readonly maxpool: nn.MaxPool2d
  readonly layer1: nn.Sequential
  readonly layer2: nn.Sequential
  readonly layer3: nn.Sequential
  readonly layer4: nn.Sequential
  readonly avgpool: nn.AdaptiveAvgPool2d
  readonly fc: nn.Linear
  #inplanes = 64
  #dilation = 1

  constructor(
    block: 'basic' | 'bottleneck',
    layers: readonly [number, number, number, number],
    options: ResNetOptions = {},
  ) {
    super()
    const { numClasses = 1000, zeroInitResidual = false, replaceStrideWithDilation = [false, false, false] } = options
    const normLayer = options.normLayer ?? ((channels) => new nn.BatchNorm2d(channels))
    const kind: BlockClass = block === 'basic' ? BasicBlock : Bottleneck
    const stage = (planes: number, blocks: number, stride: number, dilate: boolean): nn.Sequential =>
      this.#stage(kind, planes, blocks, dilate ? 1 : stride, dilate ? stride : 1, normLayer, options)
    this.conv1 = new nn.Conv2d(3, 64, 7, { stride: 2, padding: 3, bias: false })
    this.bn1 = normLayer(64)
    this.relu = new nn.ReLU({ inplace: true })
    this.maxpool = new nn.MaxPool2d(3, { stride: 2, padding: 1 })
    this.layer1 = stage(64, layers[0], 1, false)
    this.layer2 = stage(128, layers[1], 2, replaceStrideWithDilation[0])
    this.layer3 = stage(256, layers[2], 2, replaceStrideWithDilation[1])
    this.layer4 = stage(512, layers[3], 2, replaceStrideWithDilation[2])
    this.avgpool = new nn.AdaptiveAvgPool2d(1)
    this.fc = new nn.Linear(512 * kind.expansion, numClasses)
    for (const module of this.modules()) {
      if (module instanceof nn.Conv2d) nn.init.kaimingNormal_(module.weight, { mode: 'fan_out', nonlinearity: 'relu' })
      if (!zeroInitResidual) continue
      const last = module instanceof Bottleneck ? module.bn3 : module instanceof BasicBlock ? module.bn2 : null
      if (last instanceof nn.BatchNorm2d && last.weight !== null) nn.init.zeros_(last.weight)
    }
  }

  #stage(
    kind: BlockClass,
    planes: number,
    blocks: number,
    stride: number,
    dilate: number,
    normLayer: NormLayer,
    { groups = 1, widthPerGroup = 64 }: ResNetOptions,
  ): nn.Sequential {
    const before = this.#dilation
    this.#dilation *= dilate
    const wide = planes * kind.expansion
    const downsample =
      stride !== 1 || this.#inplanes !== wide
        ? new nn.Sequential(conv1x1(this.#inplanes, wide, stride), normLayer(wide))
        : null
    const common = { groups, baseWidth: widthPerGroup, normLayer }
    const stage = [new kind(this.#inplanes, planes, { ...common, stride, downsample, dilation: before })]
    this.#inplanes = wide
    for (let i = 1; i < blocks; i++)
      stage.push(new kind(wide, planes, { ...common, stride: 1, downsample: null, dilation: this.#dilation }))
    return new nn.Sequential(...stage)
  }

  /** @param x images, [N, 3, H, W] @returns scores, [N, numClasses] */
  override forward(x: Tensor): Tensor {
    let out = this.maxpool.forward(this.relu.forward(this.bn1.forward(this.conv1.forward(x))))
    for (const stage of [this.layer1, this.layer2, this.layer3, this.layer4]) out = stage.forward(out)
    return this.fc.forward(this.avgpool.forward(out).flatten(1))
  }
}

type Builder = (options?: ResNetOptions) => ResNet

const resnet = (
  name: string,
  block: 'basic' | 'bottleneck',
  layers: readonly [number, number, number, number],
  defaults: ResNetOptions = {},
): Builder => register(name, (options: ResNetOptions = {}) => new ResNet(block, layers, { ...defaults, ...options }))

/** ResNet of 18 layers. */
export const resnet18: Builder = resnet('resnet18', 'basic', [2, 2, 2, 2])
/** ResNet of 34 layers. */
export const resnet34: Builder = resnet('resnet34', 'basic', [3, 4, 6, 3])
/** ResNet of 50 layers. */
export const resnet50: Builder = resnet('resnet50', 'bottleneck', [3, 4, 6, 3])
/** ResNet of 101 layers. */
export const resnet101: Builder = resnet('resnet101', 'bottleneck', [3, 4, 23, 3])
/** ResNet of 152 layers. */
export const resnet152: Builder = resnet('resnet152', 'bottleneck', [3, 8, 36, 3])
/** ResNeXt of 50 layers, 32 groups of width 4. */
export const resnext50_32x4d: Builder = resnet('resnext50_32x4d', 'bottleneck', [3, 4, 6, 3], {
  groups: 32,
  widthPerGroup: 4,
})
/** ResNeXt of 101 layers, 32 groups of width 8. */
export const resnext101_32x8d: Builder = resnet('resnext101_32x8d', 'bottleneck', [3, 4, 23, 3], {
  groups: 32,
  widthPerGroup: 8,
})
/** ResNeXt of 101 layers, 64 groups of width 4. */
export const resnext101_64x4d: Builder = resnet('resnext101_64x4d', 'bottleneck', [3, 4, 23, 3], {
  groups: 64,
  widthPerGroup: 4,
})
/** ResNet of 50 layers, twice as wide inside its blocks. */
export const wide_resnet50_2: Builder = resnet('wide_resnet50_2', 'bottleneck', [3, 4, 6, 3], { widthPerGroup: 128 })
/** ResNet of 101 layers, twice as wide inside its blocks. */
export const wide_resnet101_2: Builder = resnet('wide_resnet101_2', 'bottleneck', [3, 4, 23, 3], {
  widthPerGroup: 128,
})
