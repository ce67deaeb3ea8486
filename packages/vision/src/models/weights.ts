// Made by packages/vision/test/fixtures/make_weights.py of what TorchVision publishes. Do not edit by hand.
import type { PublishedWeights } from '@flambeau/core/hub'

/** Published weights by model and name: address, the first digits of the SHA-256, what they expect and reach. */
export const publishedWeights: Readonly<Record<string, Readonly<Record<string, PublishedWeights>>>> = {
  convnext_base: {
    IMAGENET1K_V1: {
      url: 'https://download.pytorch.org/models/convnext_base-6075fbad.pth',
      sha256: '6075fbad',
      meta: {
        numClasses: 1000,
        numParams: 88591464,
        metrics: { 'ImageNet-1K': { acc1: 84.062, acc5: 96.87 } },
        transform: {
          cropSize: 224,
          resizeSize: 232,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
  },
  convnext_large: {
    IMAGENET1K_V1: {
      url: 'https://download.pytorch.org/models/convnext_large-ea097f82.pth',
      sha256: 'ea097f82',
      meta: {
        numClasses: 1000,
        numParams: 197767336,
        metrics: { 'ImageNet-1K': { acc1: 84.414, acc5: 96.976 } },
        transform: {
          cropSize: 224,
          resizeSize: 232,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
  },
  convnext_small: {
    IMAGENET1K_V1: {
      url: 'https://download.pytorch.org/models/convnext_small-0c510722.pth',
      sha256: '0c510722',
      meta: {
        numClasses: 1000,
        numParams: 50223688,
        metrics: { 'ImageNet-1K': { acc1: 83.616, acc5: 96.65 } },
        transform: {
          cropSize: 224,
          resizeSize: 230,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
  },
  convnext_tiny: {
    IMAGENET1K_V1: {
      url: 'https://download.pytorch.org/models/convnext_tiny-983f1562.pth',
      sha256: '983f1562',
      meta: {
        numClasses: 1000,
        numParams: 28589128,
        metrics: { 'ImageNet-1K': { acc1: 82.52, acc5: 96.146 } },
        transform: {
          cropSize: 224,
          resizeSize: 236,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
  },
  deeplabv3_mobilenet_v3_large: {
    COCO_WITH_VOC_LABELS_V1: {
      url: 'https://download.pytorch.org/models/deeplabv3_mobilenet_v3_large-fc3c493d.pth',
      sha256: 'fc3c493d',
      meta: {
        numClasses: 21,
        numParams: 11029328,
        metrics: { 'COCO-val2017-VOC-labels': { miou: 60.3, pixel_acc: 91.2 } },
        transform: {
          resizeSize: 520,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
  },
  deeplabv3_resnet101: {
    COCO_WITH_VOC_LABELS_V1: {
      url: 'https://download.pytorch.org/models/deeplabv3_resnet101_coco-586e9e4e.pth',
      sha256: '586e9e4e',
      meta: {
        numClasses: 21,
        numParams: 60996202,
        metrics: { 'COCO-val2017-VOC-labels': { miou: 67.4, pixel_acc: 92.4 } },
        transform: {
          resizeSize: 520,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
  },
  deeplabv3_resnet50: {
    COCO_WITH_VOC_LABELS_V1: {
      url: 'https://download.pytorch.org/models/deeplabv3_resnet50_coco-cd0a2569.pth',
      sha256: 'cd0a2569',
      meta: {
        numClasses: 21,
        numParams: 42004074,
        metrics: { 'COCO-val2017-VOC-labels': { miou: 66.4, pixel_acc: 92.4 } },
        transform: {
          resizeSize: 520,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
  },
  efficientnet_b0: {
    IMAGENET1K_V1: {
      url: 'https://download.pytorch.org/models/efficientnet_b0_rwightman-3dd342df.pth',
      sha256: '3dd342df',
      meta: {
        numClasses: 1000,
        numParams: 5288548,
        metrics: { 'ImageNet-1K': { acc1: 77.692, acc5: 93.532 } },
        transform: {
          cropSize: 224,
          resizeSize: 256,
          interpolation: 'bicubic',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
  },
  efficientnet_b1: {
    IMAGENET1K_V2: {
      url: 'https://download.pytorch.org/models/efficientnet_b1-c27df63c.pth',
      sha256: 'c27df63c',
      meta: {
        numClasses: 1000,
        numParams: 7794184,
        metrics: { 'ImageNet-1K': { acc1: 79.838, acc5: 94.934 } },
        transform: {
          cropSize: 240,
          resizeSize: 255,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
    IMAGENET1K_V1: {
      url: 'https://download.pytorch.org/models/efficientnet_b1_rwightman-533bc792.pth',
      sha256: '533bc792',
      meta: {
        numClasses: 1000,
        numParams: 7794184,
        metrics: { 'ImageNet-1K': { acc1: 78.642, acc5: 94.186 } },
        transform: {
          cropSize: 240,
          resizeSize: 256,
          interpolation: 'bicubic',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
  },
  efficientnet_b2: {
    IMAGENET1K_V1: {
      url: 'https://download.pytorch.org/models/efficientnet_b2_rwightman-bcdf34b7.pth',
      sha256: 'bcdf34b7',
      meta: {
        numClasses: 1000,
        numParams: 9109994,
        metrics: { 'ImageNet-1K': { acc1: 80.608, acc5: 95.31 } },
        transform: {
          cropSize: 288,
          resizeSize: 288,
          interpolation: 'bicubic',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
  },
  efficientnet_b3: {
    IMAGENET1K_V1: {
      url: 'https://download.pytorch.org/models/efficientnet_b3_rwightman-cf984f9c.pth',
      sha256: 'cf984f9c',
      meta: {
        numClasses: 1000,
        numParams: 12233232,
        metrics: { 'ImageNet-1K': { acc1: 82.008, acc5: 96.054 } },
        transform: {
          cropSize: 300,
          resizeSize: 320,
          interpolation: 'bicubic',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
  },
  efficientnet_b4: {
    IMAGENET1K_V1: {
      url: 'https://download.pytorch.org/models/efficientnet_b4_rwightman-7eb33cd5.pth',
      sha256: '7eb33cd5',
      meta: {
        numClasses: 1000,
        numParams: 19341616,
        metrics: { 'ImageNet-1K': { acc1: 83.384, acc5: 96.594 } },
        transform: {
          cropSize: 380,
          resizeSize: 384,
          interpolation: 'bicubic',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
  },
  efficientnet_b5: {
    IMAGENET1K_V1: {
      url: 'https://download.pytorch.org/models/efficientnet_b5_lukemelas-b6417697.pth',
      sha256: 'b6417697',
      meta: {
        numClasses: 1000,
        numParams: 30389784,
        metrics: { 'ImageNet-1K': { acc1: 83.444, acc5: 96.628 } },
        transform: {
          cropSize: 456,
          resizeSize: 456,
          interpolation: 'bicubic',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
  },
  efficientnet_b6: {
    IMAGENET1K_V1: {
      url: 'https://download.pytorch.org/models/efficientnet_b6_lukemelas-c76e70fd.pth',
      sha256: 'c76e70fd',
      meta: {
        numClasses: 1000,
        numParams: 43040704,
        metrics: { 'ImageNet-1K': { acc1: 84.008, acc5: 96.916 } },
        transform: {
          cropSize: 528,
          resizeSize: 528,
          interpolation: 'bicubic',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
  },
  efficientnet_b7: {
    IMAGENET1K_V1: {
      url: 'https://download.pytorch.org/models/efficientnet_b7_lukemelas-dcc49843.pth',
      sha256: 'dcc49843',
      meta: {
        numClasses: 1000,
        numParams: 66347960,
        metrics: { 'ImageNet-1K': { acc1: 84.122, acc5: 96.908 } },
        transform: {
          cropSize: 600,
          resizeSize: 600,
          interpolation: 'bicubic',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
  },
  efficientnet_v2_l: {
    IMAGENET1K_V1: {
      url: 'https://download.pytorch.org/models/efficientnet_v2_l-59c71312.pth',
      sha256: '59c71312',
      meta: {
        numClasses: 1000,
        numParams: 118515272,
        metrics: { 'ImageNet-1K': { acc1: 85.808, acc5: 97.788 } },
        transform: {
          cropSize: 480,
          resizeSize: 480,
          interpolation: 'bicubic',
          mean: [0.5, 0.5, 0.5],
          std: [0.5, 0.5, 0.5],
        },
      },
    },
  },
  efficientnet_v2_m: {
    IMAGENET1K_V1: {
      url: 'https://download.pytorch.org/models/efficientnet_v2_m-dc08266a.pth',
      sha256: 'dc08266a',
      meta: {
        numClasses: 1000,
        numParams: 54139356,
        metrics: { 'ImageNet-1K': { acc1: 85.112, acc5: 97.156 } },
        transform: {
          cropSize: 480,
          resizeSize: 480,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
  },
  efficientnet_v2_s: {
    IMAGENET1K_V1: {
      url: 'https://download.pytorch.org/models/efficientnet_v2_s-dd5fe13b.pth',
      sha256: 'dd5fe13b',
      meta: {
        numClasses: 1000,
        numParams: 21458488,
        metrics: { 'ImageNet-1K': { acc1: 84.228, acc5: 96.878 } },
        transform: {
          cropSize: 384,
          resizeSize: 384,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
  },
  fasterrcnn_mobilenet_v3_large_320_fpn: {
    COCO_V1: {
      url: 'https://download.pytorch.org/models/fasterrcnn_mobilenet_v3_large_320_fpn-907ea3f9.pth',
      sha256: '907ea3f9',
      meta: { numClasses: 91, numParams: 19386354, metrics: { 'COCO-val2017': { box_map: 22.8 } }, transform: {} },
    },
  },
  fasterrcnn_mobilenet_v3_large_fpn: {
    COCO_V1: {
      url: 'https://download.pytorch.org/models/fasterrcnn_mobilenet_v3_large_fpn-fb6a3cc7.pth',
      sha256: 'fb6a3cc7',
      meta: { numClasses: 91, numParams: 19386354, metrics: { 'COCO-val2017': { box_map: 32.8 } }, transform: {} },
    },
  },
  fasterrcnn_resnet50_fpn: {
    COCO_V1: {
      url: 'https://download.pytorch.org/models/fasterrcnn_resnet50_fpn_coco-258fb6c6.pth',
      sha256: '258fb6c6',
      meta: { numClasses: 91, numParams: 41755286, metrics: { 'COCO-val2017': { box_map: 37.0 } }, transform: {} },
    },
  },
  fasterrcnn_resnet50_fpn_v2: {
    COCO_V1: {
      url: 'https://download.pytorch.org/models/fasterrcnn_resnet50_fpn_v2_coco-dd69338a.pth',
      sha256: 'dd69338a',
      meta: { numClasses: 91, numParams: 43712278, metrics: { 'COCO-val2017': { box_map: 46.7 } }, transform: {} },
    },
  },
  fcn_resnet101: {
    COCO_WITH_VOC_LABELS_V1: {
      url: 'https://download.pytorch.org/models/fcn_resnet101_coco-7ecb50ca.pth',
      sha256: '7ecb50ca',
      meta: {
        numClasses: 21,
        numParams: 54314346,
        metrics: { 'COCO-val2017-VOC-labels': { miou: 63.7, pixel_acc: 91.9 } },
        transform: {
          resizeSize: 520,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
  },
  fcn_resnet50: {
    COCO_WITH_VOC_LABELS_V1: {
      url: 'https://download.pytorch.org/models/fcn_resnet50_coco-1167a1af.pth',
      sha256: '1167a1af',
      meta: {
        numClasses: 21,
        numParams: 35322218,
        metrics: { 'COCO-val2017-VOC-labels': { miou: 60.5, pixel_acc: 91.4 } },
        transform: {
          resizeSize: 520,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
  },
  lraspp_mobilenet_v3_large: {
    COCO_WITH_VOC_LABELS_V1: {
      url: 'https://download.pytorch.org/models/lraspp_mobilenet_v3_large-d234d4ea.pth',
      sha256: 'd234d4ea',
      meta: {
        numClasses: 21,
        numParams: 3221538,
        metrics: { 'COCO-val2017-VOC-labels': { miou: 57.9, pixel_acc: 91.2 } },
        transform: {
          resizeSize: 520,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
  },
  mobilenet_v2: {
    IMAGENET1K_V2: {
      url: 'https://download.pytorch.org/models/mobilenet_v2-7ebf99e0.pth',
      sha256: '7ebf99e0',
      meta: {
        numClasses: 1000,
        numParams: 3504872,
        metrics: { 'ImageNet-1K': { acc1: 72.154, acc5: 90.822 } },
        transform: {
          cropSize: 224,
          resizeSize: 232,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
    IMAGENET1K_V1: {
      url: 'https://download.pytorch.org/models/mobilenet_v2-b0353104.pth',
      sha256: 'b0353104',
      meta: {
        numClasses: 1000,
        numParams: 3504872,
        metrics: { 'ImageNet-1K': { acc1: 71.878, acc5: 90.286 } },
        transform: {
          cropSize: 224,
          resizeSize: 256,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
  },
  mobilenet_v3_large: {
    IMAGENET1K_V2: {
      url: 'https://download.pytorch.org/models/mobilenet_v3_large-5c1a4163.pth',
      sha256: '5c1a4163',
      meta: {
        numClasses: 1000,
        numParams: 5483032,
        metrics: { 'ImageNet-1K': { acc1: 75.274, acc5: 92.566 } },
        transform: {
          cropSize: 224,
          resizeSize: 232,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
    IMAGENET1K_V1: {
      url: 'https://download.pytorch.org/models/mobilenet_v3_large-8738ca79.pth',
      sha256: '8738ca79',
      meta: {
        numClasses: 1000,
        numParams: 5483032,
        metrics: { 'ImageNet-1K': { acc1: 74.042, acc5: 91.34 } },
        transform: {
          cropSize: 224,
          resizeSize: 256,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
  },
  mobilenet_v3_small: {
    IMAGENET1K_V1: {
      url: 'https://download.pytorch.org/models/mobilenet_v3_small-047dcff4.pth',
      sha256: '047dcff4',
      meta: {
        numClasses: 1000,
        numParams: 2542856,
        metrics: { 'ImageNet-1K': { acc1: 67.668, acc5: 87.402 } },
        transform: {
          cropSize: 224,
          resizeSize: 256,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
  },
  resnet101: {
    IMAGENET1K_V2: {
      url: 'https://download.pytorch.org/models/resnet101-cd907fc2.pth',
      sha256: 'cd907fc2',
      meta: {
        numClasses: 1000,
        numParams: 44549160,
        metrics: { 'ImageNet-1K': { acc1: 81.886, acc5: 95.78 } },
        transform: {
          cropSize: 224,
          resizeSize: 232,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
    IMAGENET1K_V1: {
      url: 'https://download.pytorch.org/models/resnet101-63fe2227.pth',
      sha256: '63fe2227',
      meta: {
        numClasses: 1000,
        numParams: 44549160,
        metrics: { 'ImageNet-1K': { acc1: 77.374, acc5: 93.546 } },
        transform: {
          cropSize: 224,
          resizeSize: 256,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
  },
  resnet152: {
    IMAGENET1K_V2: {
      url: 'https://download.pytorch.org/models/resnet152-f82ba261.pth',
      sha256: 'f82ba261',
      meta: {
        numClasses: 1000,
        numParams: 60192808,
        metrics: { 'ImageNet-1K': { acc1: 82.284, acc5: 96.002 } },
        transform: {
          cropSize: 224,
          resizeSize: 232,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
    IMAGENET1K_V1: {
      url: 'https://download.pytorch.org/models/resnet152-394f9c45.pth',
      sha256: '394f9c45',
      meta: {
        numClasses: 1000,
        numParams: 60192808,
        metrics: { 'ImageNet-1K': { acc1: 78.312, acc5: 94.046 } },
        transform: {
          cropSize: 224,
          resizeSize: 256,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
  },
  resnet18: {
    IMAGENET1K_V1: {
      url: 'https://download.pytorch.org/models/resnet18-f37072fd.pth',
      sha256: 'f37072fd',
      meta: {
        numClasses: 1000,
        numParams: 11689512,
        metrics: { 'ImageNet-1K': { acc1: 69.758, acc5: 89.078 } },
        transform: {
          cropSize: 224,
          resizeSize: 256,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
  },
  resnet34: {
    IMAGENET1K_V1: {
      url: 'https://download.pytorch.org/models/resnet34-b627a593.pth',
      sha256: 'b627a593',
      meta: {
        numClasses: 1000,
        numParams: 21797672,
        metrics: { 'ImageNet-1K': { acc1: 73.314, acc5: 91.42 } },
        transform: {
          cropSize: 224,
          resizeSize: 256,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
  },
  resnet50: {
    IMAGENET1K_V2: {
      url: 'https://download.pytorch.org/models/resnet50-11ad3fa6.pth',
      sha256: '11ad3fa6',
      meta: {
        numClasses: 1000,
        numParams: 25557032,
        metrics: { 'ImageNet-1K': { acc1: 80.858, acc5: 95.434 } },
        transform: {
          cropSize: 224,
          resizeSize: 232,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
    IMAGENET1K_V1: {
      url: 'https://download.pytorch.org/models/resnet50-0676ba61.pth',
      sha256: '0676ba61',
      meta: {
        numClasses: 1000,
        numParams: 25557032,
        metrics: { 'ImageNet-1K': { acc1: 76.13, acc5: 92.862 } },
        transform: {
          cropSize: 224,
          resizeSize: 256,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
  },
  resnext101_32x8d: {
    IMAGENET1K_V2: {
      url: 'https://download.pytorch.org/models/resnext101_32x8d-110c445d.pth',
      sha256: '110c445d',
      meta: {
        numClasses: 1000,
        numParams: 88791336,
        metrics: { 'ImageNet-1K': { acc1: 82.834, acc5: 96.228 } },
        transform: {
          cropSize: 224,
          resizeSize: 232,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
    IMAGENET1K_V1: {
      url: 'https://download.pytorch.org/models/resnext101_32x8d-8ba56ff5.pth',
      sha256: '8ba56ff5',
      meta: {
        numClasses: 1000,
        numParams: 88791336,
        metrics: { 'ImageNet-1K': { acc1: 79.312, acc5: 94.526 } },
        transform: {
          cropSize: 224,
          resizeSize: 256,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
  },
  resnext101_64x4d: {
    IMAGENET1K_V1: {
      url: 'https://download.pytorch.org/models/resnext101_64x4d-173b62eb.pth',
      sha256: '173b62eb',
      meta: {
        numClasses: 1000,
        numParams: 83455272,
        metrics: { 'ImageNet-1K': { acc1: 83.246, acc5: 96.454 } },
        transform: {
          cropSize: 224,
          resizeSize: 232,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
  },
  resnext50_32x4d: {
    IMAGENET1K_V2: {
      url: 'https://download.pytorch.org/models/resnext50_32x4d-1a0047aa.pth',
      sha256: '1a0047aa',
      meta: {
        numClasses: 1000,
        numParams: 25028904,
        metrics: { 'ImageNet-1K': { acc1: 81.198, acc5: 95.34 } },
        transform: {
          cropSize: 224,
          resizeSize: 232,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
    IMAGENET1K_V1: {
      url: 'https://download.pytorch.org/models/resnext50_32x4d-7cdf4587.pth',
      sha256: '7cdf4587',
      meta: {
        numClasses: 1000,
        numParams: 25028904,
        metrics: { 'ImageNet-1K': { acc1: 77.618, acc5: 93.698 } },
        transform: {
          cropSize: 224,
          resizeSize: 256,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
  },
  vgg11: {
    IMAGENET1K_V1: {
      url: 'https://download.pytorch.org/models/vgg11-8a719046.pth',
      sha256: '8a719046',
      meta: {
        numClasses: 1000,
        numParams: 132863336,
        metrics: { 'ImageNet-1K': { acc1: 69.02, acc5: 88.628 } },
        transform: {
          cropSize: 224,
          resizeSize: 256,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
  },
  vgg11_bn: {
    IMAGENET1K_V1: {
      url: 'https://download.pytorch.org/models/vgg11_bn-6002323d.pth',
      sha256: '6002323d',
      meta: {
        numClasses: 1000,
        numParams: 132868840,
        metrics: { 'ImageNet-1K': { acc1: 70.37, acc5: 89.81 } },
        transform: {
          cropSize: 224,
          resizeSize: 256,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
  },
  vgg13: {
    IMAGENET1K_V1: {
      url: 'https://download.pytorch.org/models/vgg13-19584684.pth',
      sha256: '19584684',
      meta: {
        numClasses: 1000,
        numParams: 133047848,
        metrics: { 'ImageNet-1K': { acc1: 69.928, acc5: 89.246 } },
        transform: {
          cropSize: 224,
          resizeSize: 256,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
  },
  vgg13_bn: {
    IMAGENET1K_V1: {
      url: 'https://download.pytorch.org/models/vgg13_bn-abd245e5.pth',
      sha256: 'abd245e5',
      meta: {
        numClasses: 1000,
        numParams: 133053736,
        metrics: { 'ImageNet-1K': { acc1: 71.586, acc5: 90.374 } },
        transform: {
          cropSize: 224,
          resizeSize: 256,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
  },
  vgg16: {
    IMAGENET1K_V1: {
      url: 'https://download.pytorch.org/models/vgg16-397923af.pth',
      sha256: '397923af',
      meta: {
        numClasses: 1000,
        numParams: 138357544,
        metrics: { 'ImageNet-1K': { acc1: 71.592, acc5: 90.382 } },
        transform: {
          cropSize: 224,
          resizeSize: 256,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
  },
  vgg16_bn: {
    IMAGENET1K_V1: {
      url: 'https://download.pytorch.org/models/vgg16_bn-6c64b313.pth',
      sha256: '6c64b313',
      meta: {
        numClasses: 1000,
        numParams: 138365992,
        metrics: { 'ImageNet-1K': { acc1: 73.36, acc5: 91.516 } },
        transform: {
          cropSize: 224,
          resizeSize: 256,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
  },
  vgg19: {
    IMAGENET1K_V1: {
      url: 'https://download.pytorch.org/models/vgg19-dcbb9e9d.pth',
      sha256: 'dcbb9e9d',
      meta: {
        numClasses: 1000,
        numParams: 143667240,
        metrics: { 'ImageNet-1K': { acc1: 72.376, acc5: 90.876 } },
        transform: {
          cropSize: 224,
          resizeSize: 256,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
  },
  vgg19_bn: {
    IMAGENET1K_V1: {
      url: 'https://download.pytorch.org/models/vgg19_bn-c79401a0.pth',
      sha256: 'c79401a0',
      meta: {
        numClasses: 1000,
        numParams: 143678248,
        metrics: { 'ImageNet-1K': { acc1: 74.218, acc5: 91.842 } },
        transform: {
          cropSize: 224,
          resizeSize: 256,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
  },
  vit_b_16: {
    IMAGENET1K_V1: {
      url: 'https://download.pytorch.org/models/vit_b_16-c867db91.pth',
      sha256: 'c867db91',
      meta: {
        numClasses: 1000,
        numParams: 86567656,
        metrics: { 'ImageNet-1K': { acc1: 81.072, acc5: 95.318 } },
        transform: {
          cropSize: 224,
          resizeSize: 256,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
    IMAGENET1K_SWAG_E2E_V1: {
      url: 'https://download.pytorch.org/models/vit_b_16_swag-9ac1b537.pth',
      sha256: '9ac1b537',
      meta: {
        numClasses: 1000,
        numParams: 86859496,
        metrics: { 'ImageNet-1K': { acc1: 85.304, acc5: 97.65 } },
        transform: {
          cropSize: 384,
          resizeSize: 384,
          interpolation: 'bicubic',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
    IMAGENET1K_SWAG_LINEAR_V1: {
      url: 'https://download.pytorch.org/models/vit_b_16_lc_swag-4e70ced5.pth',
      sha256: '4e70ced5',
      meta: {
        numClasses: 1000,
        numParams: 86567656,
        metrics: { 'ImageNet-1K': { acc1: 81.886, acc5: 96.18 } },
        transform: {
          cropSize: 224,
          resizeSize: 224,
          interpolation: 'bicubic',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
  },
  vit_b_32: {
    IMAGENET1K_V1: {
      url: 'https://download.pytorch.org/models/vit_b_32-d86f8d99.pth',
      sha256: 'd86f8d99',
      meta: {
        numClasses: 1000,
        numParams: 88224232,
        metrics: { 'ImageNet-1K': { acc1: 75.912, acc5: 92.466 } },
        transform: {
          cropSize: 224,
          resizeSize: 256,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
  },
  vit_h_14: {
    IMAGENET1K_SWAG_E2E_V1: {
      url: 'https://download.pytorch.org/models/vit_h_14_swag-80465313.pth',
      sha256: '80465313',
      meta: {
        numClasses: 1000,
        numParams: 633470440,
        metrics: { 'ImageNet-1K': { acc1: 88.552, acc5: 98.694 } },
        transform: {
          cropSize: 518,
          resizeSize: 518,
          interpolation: 'bicubic',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
    IMAGENET1K_SWAG_LINEAR_V1: {
      url: 'https://download.pytorch.org/models/vit_h_14_lc_swag-c1eb923e.pth',
      sha256: 'c1eb923e',
      meta: {
        numClasses: 1000,
        numParams: 632045800,
        metrics: { 'ImageNet-1K': { acc1: 85.708, acc5: 97.73 } },
        transform: {
          cropSize: 224,
          resizeSize: 224,
          interpolation: 'bicubic',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
  },
  vit_l_16: {
    IMAGENET1K_V1: {
      url: 'https://download.pytorch.org/models/vit_l_16-852ce7e3.pth',
      sha256: '852ce7e3',
      meta: {
        numClasses: 1000,
        numParams: 304326632,
        metrics: { 'ImageNet-1K': { acc1: 79.662, acc5: 94.638 } },
        transform: {
          cropSize: 224,
          resizeSize: 242,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
    IMAGENET1K_SWAG_E2E_V1: {
      url: 'https://download.pytorch.org/models/vit_l_16_swag-4f3808c9.pth',
      sha256: '4f3808c9',
      meta: {
        numClasses: 1000,
        numParams: 305174504,
        metrics: { 'ImageNet-1K': { acc1: 88.064, acc5: 98.512 } },
        transform: {
          cropSize: 512,
          resizeSize: 512,
          interpolation: 'bicubic',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
    IMAGENET1K_SWAG_LINEAR_V1: {
      url: 'https://download.pytorch.org/models/vit_l_16_lc_swag-4d563306.pth',
      sha256: '4d563306',
      meta: {
        numClasses: 1000,
        numParams: 304326632,
        metrics: { 'ImageNet-1K': { acc1: 85.146, acc5: 97.422 } },
        transform: {
          cropSize: 224,
          resizeSize: 224,
          interpolation: 'bicubic',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
  },
  vit_l_32: {
    IMAGENET1K_V1: {
      url: 'https://download.pytorch.org/models/vit_l_32-c7638314.pth',
      sha256: 'c7638314',
      meta: {
        numClasses: 1000,
        numParams: 306535400,
        metrics: { 'ImageNet-1K': { acc1: 76.972, acc5: 93.07 } },
        transform: {
          cropSize: 224,
          resizeSize: 256,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
  },
  wide_resnet101_2: {
    IMAGENET1K_V2: {
      url: 'https://download.pytorch.org/models/wide_resnet101_2-d733dc28.pth',
      sha256: 'd733dc28',
      meta: {
        numClasses: 1000,
        numParams: 126886696,
        metrics: { 'ImageNet-1K': { acc1: 82.51, acc5: 96.02 } },
        transform: {
          cropSize: 224,
          resizeSize: 232,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
    IMAGENET1K_V1: {
      url: 'https://download.pytorch.org/models/wide_resnet101_2-32ee1156.pth',
      sha256: '32ee1156',
      meta: {
        numClasses: 1000,
        numParams: 126886696,
        metrics: { 'ImageNet-1K': { acc1: 78.848, acc5: 94.284 } },
        transform: {
          cropSize: 224,
          resizeSize: 256,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
  },
  wide_resnet50_2: {
    IMAGENET1K_V2: {
      url: 'https://download.pytorch.org/models/wide_resnet50_2-9ba9bcbe.pth',
      sha256: '9ba9bcbe',
      meta: {
        numClasses: 1000,
        numParams: 68883240,
        metrics: { 'ImageNet-1K': { acc1: 81.602, acc5: 95.758 } },
        transform: {
          cropSize: 224,
          resizeSize: 232,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
    IMAGENET1K_V1: {
      url: 'https://download.pytorch.org/models/wide_resnet50_2-95faca4d.pth',
      sha256: '95faca4d',
      meta: {
        numClasses: 1000,
        numParams: 68883240,
        metrics: { 'ImageNet-1K': { acc1: 78.468, acc5: 94.086 } },
        transform: {
          cropSize: 224,
          resizeSize: 256,
          interpolation: 'bilinear',
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
      },
    },
  },
}
