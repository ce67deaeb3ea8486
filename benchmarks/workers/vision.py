# TorchVision's side of benchmarks/vision.mjs: seconds that a task takes.
import json
import os
import sys
import time

import torch
import torch.nn.functional as F
from PIL import Image
from torchvision import ops, transforms

torch.manual_seed(0)
folder = '/usr/share/doc/opencv-doc/examples/data'


def boxes(n, extent, size):
    corner = torch.rand(n, 2) * extent
    return torch.cat([corner, corner + torch.rand(n, 2) * size + 1], 1)


spread, dense, scores = boxes(10_000, 1000, 100), boxes(10_000, 100, 100), torch.rand(10_000)
feature = torch.rand(2, 256, 50, 68)
regions = [boxes(500, 400, 300), boxes(500, 400, 300)]
floats = torch.rand(16, 3, 512, 512)
image = (torch.rand(1, 3, 1000, 1500) * 255).to(torch.uint8)


def align(x):
    return ops.roi_align(x, regions, 7, spatial_scale=1 / 16, sampling_ratio=2)


def resize(x):
    if x.dtype == torch.uint8:
        return transforms.functional.resize(x, [224, 224], antialias=True)
    return F.interpolate(x, (224, 224), mode='bilinear', antialias=True, align_corners=False)


def backward():
    x = feature.clone().requires_grad_()
    align(x).sum().backward()


tasks = {
    'nms': lambda: ops.nms(spread, scores, 0.5),
    'nmsDense': lambda: ops.nms(dense, scores, 0.5),
    'roiAlign': lambda: align(feature),
    'roiAlignBackward': backward,
    'resize': lambda: resize(floats),
    'resizeBytes': lambda: resize(image),
}


class Photographs(torch.utils.data.Dataset):
    files = sorted(os.path.join(folder, f) for f in os.listdir(folder) if f.endswith('.jpg'))
    transform = transforms.Compose([
        transforms.RandomResizedCrop(224),
        transforms.RandomHorizontalFlip(),
        transforms.ToTensor(),
        transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    ])

    def __len__(self):
        return 4 * len(self.files)

    def __getitem__(self, index):
        with Image.open(self.files[index % len(self.files)]) as image:
            return self.transform(image.convert('RGB'))


def load():
    loader = torch.utils.data.DataLoader(Photographs(), batch_size=16, num_workers=2)
    batches = iter(loader)
    start = time.perf_counter()
    count = sum(len(batch) for batch in batches)
    return (time.perf_counter() - start) / count


for line in sys.stdin:
    name = line.strip()
    if name == 'load':
        print(json.dumps(load()), flush=True)
        continue
    with torch.set_grad_enabled(name == 'roiAlignBackward'):
        start = time.perf_counter()
        tasks[name]()
        print(json.dumps(time.perf_counter() - start), flush=True)
