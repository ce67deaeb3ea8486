/** What a sound file is coded as, in TorchAudio's words. */
export type Encoding = 'PCM_S' | 'PCM_U' | 'PCM_F' | 'ULAW' | 'ALAW' | 'FLAC' | 'VORBIS' | 'OPUS' | 'MP3'

/** What `info` tells of a sound file, as TorchAudio's `AudioMetaData` does. */
export interface AudioMetaData {
  /** Samples a second. */
  readonly sampleRate: number
  /** Samples a channel. */
  readonly numFrames: number
  readonly numChannels: number
  /** Of one sample; 0 where the coding has none: Vorbis, Opus and MP3. */
  readonly bitsPerSample: number
  readonly encoding: Encoding
}

/** Which part of a sound is wanted, and as what. */
export interface Part {
  readonly frameOffset: number
  /** Infinity for all. */
  readonly numFrames: number
  readonly normalize: boolean
  /** No more samples than this, over all channels. */
  readonly maxSamples: number
}
