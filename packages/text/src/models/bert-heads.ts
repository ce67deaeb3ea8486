// BERT with a head: masked words, classes of texts and of tokens, and answers in a text.
import { type DType, F, nn, type Tensor, zeros } from '@flambeau/core'
import * as hub from '@flambeau/core/hub'
import { activation } from './activations.js'
import { type BertConfig, type BertInputs, BertModel, type FullConfig, readConfig, within } from './bert.js'
import { configOf, initialize, type PretrainedOptions, type WeightRules, withWeights } from './pretrained.js'

export interface LabelledBertInputs extends BertInputs {
  /** Classes, int64; -100 for what counts for nothing. */
  readonly labels?: Tensor | null
}

export interface ClassifierOutput {
  readonly logits: Tensor
  readonly loss: Tensor | null
}

export interface AnsweredBertInputs extends BertInputs {
  /** Shape [B]: the first token of each answer. One that is outside of the text counts for nothing. */
  readonly startPositions?: Tensor | null
  /** Shape [B]: its last token. */
  readonly endPositions?: Tensor | null
}

export interface AnswerOutput {
  /** Shape [B, L]: for each token, that the answer begins there. */
  readonly startLogits: Tensor
  /** Shape [B, L]: that it ends there. */
  readonly endLogits: Tensor
  readonly loss: Tensor | null
}

class BertPredictionHeadTransform extends nn.Module {
  dense: nn.Linear
  LayerNorm: nn.LayerNorm
  readonly #activation: (x: Tensor) => Tensor

  constructor({ hiddenAct, hiddenSize, layerNormEps: eps }: FullConfig) {
    super()
    this.dense = new nn.Linear(hiddenSize, hiddenSize)
    this.LayerNorm = new nn.LayerNorm(hiddenSize, { eps })
    this.#activation = activation(hiddenAct)
  }

  override forward(x: Tensor): Tensor {
    return this.LayerNorm.forward(this.#activation(this.dense.forward(x)))
  }
}

class BertLMPredictionHead extends nn.Module {
  transform: BertPredictionHeadTransform
  decoder: nn.Linear
  bias: nn.Parameter

  constructor(config: FullConfig, words: nn.Parameter) {
    super()
    this.transform = new BertPredictionHeadTransform(config)
    this.decoder = new nn.Linear(config.hiddenSize, 0)
    this.bias = new nn.Parameter(zeros([config.vocabSize]))
    this.decoder.weight = words
    this.decoder.bias = this.bias
  }

  override forward(x: Tensor): Tensor {
    return this.decoder.forward(this.transform.forward(x))
  }
}

class BertOnlyMLMHead extends nn.Module {
  predictions: BertLMPredictionHead

  constructor(config: FullConfig, words: nn.Parameter) {
    super()
    this.predictions = new BertLMPredictionHead(config, words)
  }

  override forward(x: Tensor): Tensor {
    return this.predictions.forward(x)
  }
}

/** The loss of a classifier of `classes` over the last dimension. */
const classLoss = (logits: Tensor, labels: Tensor | null | undefined): Tensor | null =>
  labels ? F.crossEntropy(logits.reshape([-1, logits.shape[logits.ndim - 1]]), labels.reshape([-1])) : null

/** BERT that fills in masked words. */
export class BertForMaskedLM extends nn.Module<[inputIds: Tensor, inputs?: LabelledBertInputs], ClassifierOutput> {
  readonly config: FullConfig
  bert: BertModel
  cls: BertOnlyMLMHead

  constructor(config: BertConfig = {}) {
    super()
    this.bert = new BertModel(config, { addPoolingLayer: false })
    this.config = this.bert.config
    this.cls = new BertOnlyMLMHead(this.config, this.bert.embeddings.word_embeddings.weight)
    initialize(this, this.config.initializerRange)
  }

  /** @param inputIds shape [B, L] @returns logits of shape [B, L, vocabSize] */
  override forward(inputIds: Tensor, { labels, ...inputs }: LabelledBertInputs = {}): ClassifierOutput {
    const logits = this.cls.forward(this.bert.forward(inputIds, inputs).lastHiddenState)
    return { logits, loss: classLoss(logits, labels) }
  }

  static async fromPretrained(from: string, options: PretrainedOptions = {}): Promise<BertForMaskedLM> {
    return BertForMaskedLM.load(await hub.load(from, options), options.dtype)
  }

  /** @internal */
  static load(loaded: hub.LoadedModel, dtype?: DType): BertForMaskedLM {
    const rules: WeightRules = {
      rename: within(/^(bert\.(?!pooler)|cls\.predictions\.)/),
      tied: {
        'cls.predictions.decoder.weight': 'bert.embeddings.word_embeddings.weight',
        'cls.predictions.decoder.bias': 'cls.predictions.bias',
      },
    }
    return withWeights(() => new BertForMaskedLM(readConfig(configOf(loaded))), loaded, rules, dtype)
  }
}

/** BERT with a linear classifier behind dropout. */
abstract class BertClassifier extends nn.Module<[inputIds: Tensor, inputs?: LabelledBertInputs], ClassifierOutput> {
  readonly config: FullConfig
  bert: BertModel
  dropout: nn.Dropout
  classifier: nn.Linear

  constructor(config: BertConfig, addPoolingLayer: boolean) {
    super()
    this.bert = new BertModel(config, { addPoolingLayer })
    this.config = this.bert.config
    const { classifierDropout, hiddenDropoutProb, hiddenSize, numLabels, initializerRange } = this.config
    this.dropout = new nn.Dropout(classifierDropout ?? hiddenDropoutProb)
    this.classifier = new nn.Linear(hiddenSize, numLabels)
    initialize(this, initializerRange)
  }

  /** @param x shape […, hiddenSize] @param labels shape […] */
  protected classify(x: Tensor, labels: Tensor | null | undefined): ClassifierOutput {
    const logits = this.classifier.forward(this.dropout.forward(x))
    return { logits, loss: classLoss(logits, labels) }
  }
}

/** BERT that classifies texts, or pairs of them. */
export class BertForSequenceClassification extends BertClassifier {
  constructor(config: BertConfig = {}) {
    super(config, true)
  }

  /** @param inputIds shape [B, L] @param inputs `labels` of shape [B] @returns logits of shape [B, numLabels] */
  override forward(inputIds: Tensor, { labels, ...inputs }: LabelledBertInputs = {}): ClassifierOutput {
    const { lastHiddenState, poolerOutput } = this.bert.forward(inputIds, inputs)
    return this.classify(poolerOutput ?? lastHiddenState.select(1, 0), labels)
  }

  static async fromPretrained(from: string, options: PretrainedOptions = {}): Promise<BertForSequenceClassification> {
    return BertForSequenceClassification.load(await hub.load(from, options), options.dtype)
  }

  /** @internal */
  static load(loaded: hub.LoadedModel, dtype?: DType): BertForSequenceClassification {
    const rules: WeightRules = {
      rename: within(/^(bert|classifier)\./),
      optional: (key) => /^(classifier|bert\.pooler)\./.test(key),
    }
    return withWeights(() => new BertForSequenceClassification(readConfig(configOf(loaded))), loaded, rules, dtype)
  }
}

/** BERT that gives each token a class, such as the kind of name that it is part of. */
export class BertForTokenClassification extends BertClassifier {
  constructor(config: BertConfig = {}) {
    super(config, false)
  }

  /** @param inputIds shape [B, L] @param inputs `labels` of shape [B, L] @returns logits of shape [B, L, numLabels] */
  override forward(inputIds: Tensor, { labels, ...inputs }: LabelledBertInputs = {}): ClassifierOutput {
    const { lastHiddenState } = this.bert.forward(inputIds, inputs)
    return this.classify(lastHiddenState, labels)
  }

  static async fromPretrained(from: string, options: PretrainedOptions = {}): Promise<BertForTokenClassification> {
    return BertForTokenClassification.load(await hub.load(from, options), options.dtype)
  }

  /** @internal */
  static load(loaded: hub.LoadedModel, dtype?: DType): BertForTokenClassification {
    const rules: WeightRules = {
      rename: within(/^(bert\.(?!pooler)|classifier\.)/),
      optional: (key) => key.startsWith('classifier.'),
    }
    return withWeights(() => new BertForTokenClassification(readConfig(configOf(loaded))), loaded, rules, dtype)
  }
}

/** BERT that finds where in a text the answer to a question begins and ends. */
export class BertForQuestionAnswering extends nn.Module<[inputIds: Tensor, inputs?: AnsweredBertInputs], AnswerOutput> {
  readonly config: FullConfig
  bert: BertModel
  qa_outputs: nn.Linear

  constructor(config: BertConfig = {}) {
    super()
    this.bert = new BertModel(config, { addPoolingLayer: false })
    this.config = this.bert.config
    this.qa_outputs = new nn.Linear(this.config.hiddenSize, 2)
    initialize(this, this.config.initializerRange)
  }

  /** @param inputIds question and text as a pair, shape [B, L] */
  override forward(
    inputIds: Tensor,
    { startPositions = null, endPositions = null, ...inputs }: AnsweredBertInputs = {},
  ): AnswerOutput {
    const { lastHiddenState } = this.bert.forward(inputIds, inputs)
    const [startLogits, endLogits] = this.qa_outputs.forward(lastHiddenState).unbind(-1)
    if (startPositions === null || endPositions === null) return { startLogits, endLogits, loss: null }
    const [, length] = inputIds.shape
    const positionLoss = (logits: Tensor, positions: Tensor): Tensor =>
      F.crossEntropy(logits, positions.clamp(0, length), { ignoreIndex: length })
    const loss = positionLoss(startLogits, startPositions).add(positionLoss(endLogits, endPositions)).div(2)
    return { startLogits, endLogits, loss }
  }

  static async fromPretrained(from: string, options: PretrainedOptions = {}): Promise<BertForQuestionAnswering> {
    return BertForQuestionAnswering.load(await hub.load(from, options), options.dtype)
  }

  /** @internal */
  static load(loaded: hub.LoadedModel, dtype?: DType): BertForQuestionAnswering {
    const rules: WeightRules = {
      rename: within(/^(bert\.(?!pooler)|qa_outputs\.)/),
      optional: (key) => key.startsWith('qa_outputs.'),
    }
    return withWeights(() => new BertForQuestionAnswering(readConfig(configOf(loaded))), loaded, rules, dtype)
  }
}
