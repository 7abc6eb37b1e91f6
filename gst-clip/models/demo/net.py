# SPDX-License-Identifier: LGPL-2.1-or-later
"""A small CLIP: the residual image tower and the text tower of OpenAI's RN50, in open_clip's layout.

Modules are named as open_clip names its tensors, so a state dict is the published file.
"""
import json
import struct

import numpy as np
import torch
from torch import nn
import torch.nn.functional as F

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)

IMAGE, WIDTH, LAYERS = 64, 24, (2, 3, 3, 1)
CONTEXT, TEXT_WIDTH, TEXT_LAYERS, HEAD = 32, 128, 2, 64
EMBED = 128
CONTRAST_THRESHOLD = 0.06  # see README.md: chosen by evaluation, when the model was trained


def conv(inputs, outputs, side, stride=1):
    return nn.Conv2d(inputs, outputs, side, stride, side // 2, bias=False)


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1; a stride is an average pool before the last convolution and in the shortcut."""

    def __init__(self, inputs, planes, stride):
        super().__init__()
        self.conv1, self.bn1 = conv(inputs, planes, 1), nn.BatchNorm2d(planes)
        self.conv2, self.bn2 = conv(planes, planes, 3), nn.BatchNorm2d(planes)
        self.conv3, self.bn3 = conv(planes, planes * 4, 1), nn.BatchNorm2d(planes * 4)
        nn.init.zeros_(self.bn3.weight)
        self.stride = stride
        if stride > 1 or inputs != planes * 4:
            self.downsample = nn.Sequential()
            self.downsample.add_module("0", conv(inputs, planes * 4, 1))
            self.downsample.add_module("1", nn.BatchNorm2d(planes * 4))

    def pool(self, x):
        return F.avg_pool2d(x, self.stride) if self.stride > 1 else x

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = self.pool(F.relu(self.bn2(self.conv2(y)), inplace=True))
        y = self.bn3(self.conv3(y))
        return F.relu(y + (self.downsample(self.pool(x)) if hasattr(self, "downsample") else x),
                      inplace=True)


class AttentionPool(nn.Module):
    """The mean of the map asks the map; its answer is the embedding."""

    def __init__(self, width, places):
        super().__init__()
        self.positional_embedding = nn.Parameter(torch.randn(places + 1, width) / width ** 0.5)
        for name in "qkv":
            setattr(self, name + "_proj", nn.Linear(width, width))
        self.c_proj = nn.Linear(width, EMBED)

    def forward(self, x):
        x = x.flatten(2).transpose(1, 2)
        x = torch.cat([x.mean(1, keepdim=True), x], 1)
        x = x + self.positional_embedding.to(x.dtype)
        n, t, width = x.shape
        q, k, v = (p(h).view(n, -1, width // HEAD, HEAD).transpose(1, 2) for p, h in
                   ((self.q_proj, x[:, :1]), (self.k_proj, x), (self.v_proj, x)))
        weights = (q @ k.transpose(2, 3) * HEAD ** -0.5).softmax(-1)
        return self.c_proj((weights @ v).transpose(1, 2).reshape(n, width))


class Vision(nn.Module):
    def __init__(self):
        super().__init__()
        half, inputs = WIDTH // 2, WIDTH
        self.conv1, self.bn1 = conv(3, half, 3, 2), nn.BatchNorm2d(half)
        self.conv2, self.bn2 = conv(half, half, 3), nn.BatchNorm2d(half)
        self.conv3, self.bn3 = conv(half, WIDTH, 3), nn.BatchNorm2d(WIDTH)
        for stage, count in enumerate(LAYERS):
            blocks, planes = [], WIDTH << stage
            for i in range(count):
                blocks.append(Bottleneck(inputs, planes, 2 if i == 0 and stage else 1))
                inputs = planes * 4
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.attnpool = AttentionPool(inputs, (IMAGE // 32) ** 2)

    def edges(self, x):
        """The stem and the first stage: half of the cost of a step, learnt first."""
        for n in "123":
            x = F.relu(getattr(self, "bn" + n)(getattr(self, "conv" + n)(x)), inplace=True)
        return self.layer1(F.avg_pool2d(x, 2))

    def forward(self, x, edges_learn=True):
        if edges_learn:
            x = self.edges(x)
        else:
            with torch.no_grad():
                x = self.edges(x)
        return self.attnpool(self.layer4(self.layer3(self.layer2(x))))


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.in_proj_weight = nn.Parameter(torch.randn(3 * TEXT_WIDTH, TEXT_WIDTH)
                                           * 0.7 * TEXT_WIDTH ** -0.5)
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * TEXT_WIDTH))
        self.out_proj = nn.Linear(TEXT_WIDTH, TEXT_WIDTH)

    def forward(self, x, mask):
        n, t, width = x.shape
        q, k, v = F.linear(x, self.in_proj_weight, self.in_proj_bias).view(
            n, t, 3, width // HEAD, HEAD).permute(2, 0, 3, 1, 4)
        weights = (q @ k.transpose(2, 3) * HEAD ** -0.5 + mask).softmax(-1)
        return self.out_proj((weights @ v).transpose(1, 2).reshape(n, t, width))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(TEXT_WIDTH), nn.LayerNorm(TEXT_WIDTH)
        self.attn = Attention()
        self.mlp = nn.Sequential()
        self.mlp.add_module("c_fc", nn.Linear(TEXT_WIDTH, 4 * TEXT_WIDTH))
        self.mlp.add_module("c_proj", nn.Linear(4 * TEXT_WIDTH, TEXT_WIDTH))

    def forward(self, x, mask):
        x = x + self.attn(self.ln_1(x), mask)
        h = self.mlp.c_fc(self.ln_2(x))
        return x + self.mlp.c_proj(h * torch.sigmoid(1.702 * h))  # quick_gelu


class Clip(nn.Module):
    def __init__(self, vocab):
        super().__init__()
        self.visual = Vision()
        self.token_embedding = nn.Embedding(vocab, TEXT_WIDTH)
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        self.positional_embedding = nn.Parameter(torch.randn(CONTEXT, TEXT_WIDTH) * 0.01)
        self.transformer = nn.Module()
        self.transformer.resblocks = nn.ModuleList(Block() for _ in range(TEXT_LAYERS))
        self.ln_final = nn.LayerNorm(TEXT_WIDTH)
        self.text_projection = nn.Parameter(torch.randn(TEXT_WIDTH, EMBED) * TEXT_WIDTH ** -0.5)
        self.logit_scale = nn.Parameter(torch.tensor(np.log(1 / 0.07), dtype=torch.float32))
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1) * 255, persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(3, 1, 1) * 255, persistent=False)

    def image(self, pixels, edges_learn=True):
        """pixels: float [n, 3, IMAGE, IMAGE] in 0..255 -> [n, EMBED], not normalised."""
        x = ((pixels - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
        return self.visual(x, edges_learn).float()

    def text(self, token_lists):
        """token_lists: lists of ids with the start and end tokens -> unit vectors [n, EMBED]."""
        device, count = self.logit_scale.device, len(token_lists)
        # Few different shapes: each has its own compiled kernels.
        token_lists = token_lists + [token_lists[0]] * (-count % 32)
        last = torch.tensor([len(t) - 1 for t in token_lists], device=device)
        width = min(CONTEXT, -(-(int(last.max()) + 1) // 4) * 4)
        ids = torch.tensor([t + t[-1:] * (width - len(t)) for t in token_lists], device=device)
        x = self.token_embedding(ids) + self.positional_embedding[:width]
        mask = torch.full((width, width), -1e9, device=device).triu(1)
        for block in self.transformer.resblocks:
            x = block(x, mask)
        x = self.ln_final(x[torch.arange(len(x), device=device), last])
        return F.normalize((x @ self.text_projection).float(), dim=-1)[:count]


def save_safetensors(path, tensors):
    """tensors: name -> numpy array. 8 bytes of header length, JSON header, raw data."""
    names = {np.dtype("float16"): "F16", np.dtype("float32"): "F32"}
    header, end = {"__metadata__": {"format": "pt"}}, 0
    for name, a in sorted(tensors.items()):
        header[name] = {"dtype": names[a.dtype], "shape": list(a.shape),
                        "data_offsets": [end, end + a.nbytes]}
        end += a.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for _, a in sorted(tensors.items()):
            f.write(a.tobytes())


def load_safetensors(path):
    with open(path, "rb") as f:
        size, = struct.unpack("<Q", f.read(8))
        header, data = json.loads(f.read(size)), f.read()
    types = {"F16": np.float16, "F32": np.float32}
    return {k: np.frombuffer(data[slice(*v["data_offsets"])], types[v["dtype"]]).reshape(v["shape"])
            for k, v in header.items() if k != "__metadata__"}


def save_folder(folder, model, tokenizer):
    """The model as open_clip would publish it, weights in F16."""
    tensors = {k: v.detach().cpu().numpy().astype(np.float16) for k, v in model.state_dict().items()
               if not k.endswith("num_batches_tracked")}
    save_safetensors(folder / "open_clip_model.safetensors", tensors)
    tokenizer.save(folder)
    write_json(folder / "open_clip_config.json", {
        "model_cfg": {
            "embed_dim": EMBED, "quick_gelu": True,
            "vision_cfg": {"image_size": IMAGE, "layers": list(LAYERS), "width": WIDTH,
                           "patch_size": None},
            "text_cfg": {"context_length": CONTEXT, "vocab_size": len(tokenizer.ids),
                         "width": TEXT_WIDTH, "heads": TEXT_WIDTH // HEAD,
                         "layers": TEXT_LAYERS}},
        "preprocess_cfg": {"mean": list(MEAN), "std": list(STD), "interpolation": "bicubic",
                           "resize_mode": "shortest", "size": [IMAGE, IMAGE]},
        "scoring_cfg": {"contrast_threshold": CONTRAST_THRESHOLD}})
    write_json(folder / "tokenizer_config.json", {
        "tokenizer_class": "CLIPTokenizer", "model_max_length": CONTEXT, "do_lower_case": True,
        "bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>",
        "unk_token": "<|endoftext|>", "pad_token": "<|endoftext|>"})


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2) + "\n")


def load_folder(folder, vocab):
    model = Clip(vocab)
    tensors = load_safetensors(folder / "open_clip_model.safetensors")
    model.load_state_dict({k: torch.tensor(v.astype(np.float32)) for k, v in tensors.items()},
                          strict=False)
    return model.eval()
