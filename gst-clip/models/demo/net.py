# SPDX-License-Identifier: LGPL-2.1-or-later
"""A small CLIP with the tensor names of Hugging Face's CLIPModel, and its files."""
import json
import struct

import numpy as np
import torch
from torch import nn
import torch.nn.functional as F

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)

# Both towers have the same widths, so that they share compiled GPU pipelines.
IMAGE, PATCH, CONTEXT = 48, 8, 32
WIDTH, MLP, HEADS, PROJECTION = 128, 512, 2, 128
VISION_LAYERS, TEXT_LAYERS = 3, 2


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            setattr(self, name, nn.Linear(WIDTH, WIDTH))

    def forward(self, asking, x, mask):
        q, k, v = (p(h).view(len(x), -1, HEADS, WIDTH // HEADS).transpose(1, 2) for p, h in
                   ((self.q_proj, asking), (self.k_proj, x), (self.v_proj, x)))
        scores = q @ k.transpose(2, 3) * (WIDTH // HEADS) ** -0.5
        if mask is not None:
            scores = scores + mask
        return self.out_proj((scores.softmax(-1) @ v).transpose(1, 2).reshape(asking.shape))


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.self_attn = Attention()
        self.layer_norm1, self.layer_norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(WIDTH, MLP), "fc2": nn.Linear(MLP, WIDTH)})

    def forward(self, x, mask=None, only=None):
        """only: for the last layer, the one row of each sequence that is pooled."""
        h = asking = self.layer_norm1(x)
        if only is not None:
            rows = torch.arange(len(x))
            x, asking = x[rows, only][:, None], h[rows, only][:, None]
            mask = None if mask is None else mask[only][:, None, None]
        x = x + self.self_attn(asking, h, mask)
        h = self.mlp["fc1"](self.layer_norm2(x))
        # quick_gelu (h) = h sigmoid (1.702 h), by way of the fused silu
        return x + self.mlp["fc2"](F.silu(1.702 * h) / 1.702)


def encode(layers, x, only, mask=None):
    for layer in layers[:-1]:
        x = layer(x, mask)
    return layers[-1](x, mask, only)[:, 0]


def encoder(layers):
    return nn.ModuleDict({"layers": nn.ModuleList(Layer() for _ in range(layers))})


def places():
    """Where each patch is, as sines: the start of the position embedding. Without it shapes, which
    are made of places, take very long to learn."""
    g = IMAGE // PATCH
    waves = torch.pi / 2 / 20 ** (torch.arange(WIDTH // 4) / (WIDTH // 4 - 1))
    angles = torch.arange(g)[:, None] * waves
    axis = torch.cat([angles.sin(), angles.cos()], 1)
    rows, columns = axis[:, None].expand(g, g, -1), axis.expand(g, g, -1)
    return torch.cat([torch.zeros(1, WIDTH), torch.cat([rows, columns], 2).view(g * g, WIDTH)])


class Vision(nn.Module):
    def __init__(self):
        super().__init__()
        e = self.embeddings = nn.Module()
        e.class_embedding = nn.Parameter(torch.randn(WIDTH) * WIDTH ** -0.5)
        e.patch_embedding = nn.Conv2d(3, WIDTH, PATCH, PATCH, bias=False)
        e.position_embedding = nn.Embedding((IMAGE // PATCH) ** 2 + 1, WIDTH)
        self.pre_layrnorm, self.post_layernorm = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.encoder = encoder(VISION_LAYERS)

    def forward(self, pixels):
        e, n, g = self.embeddings, len(pixels), IMAGE // PATCH
        patches = pixels.view(n, 3, g, PATCH, g, PATCH).permute(0, 2, 4, 1, 3, 5)
        patches = patches.reshape(n, g * g, -1) @ e.patch_embedding.weight.view(WIDTH, -1).T
        x = torch.cat([e.class_embedding.expand(n, 1, WIDTH), patches], 1)
        x = self.pre_layrnorm(x + e.position_embedding.weight)
        first = torch.zeros(n, dtype=torch.long)
        return self.post_layernorm(encode(self.encoder["layers"], x, first))


class Text(nn.Module):
    def __init__(self, vocab):
        super().__init__()
        e = self.embeddings = nn.Module()
        e.token_embedding = nn.Embedding(vocab, WIDTH)
        e.position_embedding = nn.Embedding(CONTEXT, WIDTH)
        self.encoder = encoder(TEXT_LAYERS)
        self.final_layer_norm = nn.LayerNorm(WIDTH)

    def forward(self, ids, last):
        t = ids.shape[1]
        x = self.embeddings.token_embedding(ids) + self.embeddings.position_embedding.weight[:t]
        mask = torch.full((t, t), -1e9).triu(1)
        return self.final_layer_norm(encode(self.encoder["layers"], x, last, mask))


class Clip(nn.Module):
    def __init__(self, vocab):
        super().__init__()
        self.vision_model, self.text_model = Vision(), Text(vocab)
        self.visual_projection = nn.Linear(WIDTH, PROJECTION, bias=False)
        self.text_projection = nn.Linear(WIDTH, PROJECTION, bias=False)
        self.logit_scale = nn.Parameter(torch.tensor(np.log(1 / 0.07), dtype=torch.float32))
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(3, 1, 1), persistent=False)
        for name, p in self.named_parameters():
            if name.endswith("position_embedding.weight"):
                nn.init.normal_(p, std=0.01)
            elif name.endswith("token_embedding.weight"):
                nn.init.normal_(p, std=0.02)
            elif p.dim() > 1:
                nn.init.normal_(p, std=p[0].numel() ** -0.5 * (0.5 if "proj" in name else 0.7))
            elif name.endswith("bias"):
                nn.init.zeros_(p)
        with torch.no_grad():
            self.vision_model.embeddings.position_embedding.weight.add_(0.35 * places())

    def image(self, frames):
        """frames: uint8 or float array [n, IMAGE, IMAGE, 3] in 0..255. Unit vectors."""
        x = torch.as_tensor(frames, dtype=torch.float32).permute(0, 3, 1, 2) / 255
        x = (x - self.mean) / self.std
        return F.normalize(self.visual_projection(self.vision_model(x.contiguous())), dim=-1)

    def text(self, token_lists):
        """token_lists: lists of ids with the start and end tokens. Unit vectors."""
        last = torch.tensor([len(t) - 1 for t in token_lists])
        width = int(last.max()) + 1
        ids = torch.tensor([t + t[-1:] * (width - len(t)) for t in token_lists])
        return F.normalize(self.text_projection(self.text_model(ids, last)), dim=-1)


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
    """The model as Hugging Face would publish it, weights in F16."""
    tensors = {k: v.detach().numpy().astype(np.float16) for k, v in model.state_dict().items()}
    save_safetensors(folder / "model.safetensors", tensors)
    tokenizer.save(folder)
    tower = {"hidden_act": "quick_gelu", "hidden_size": WIDTH, "intermediate_size": MLP,
             "layer_norm_eps": 1e-05, "num_attention_heads": HEADS, "projection_dim": PROJECTION}
    text = {"model_type": "clip_text_model", **tower, "num_hidden_layers": TEXT_LAYERS,
            "max_position_embeddings": CONTEXT, "vocab_size": len(tokenizer.ids),
            "bos_token_id": tokenizer.start, "eos_token_id": tokenizer.end,
            "pad_token_id": tokenizer.end}
    vision = {"model_type": "clip_vision_model", **tower, "num_hidden_layers": VISION_LAYERS,
              "image_size": IMAGE, "patch_size": PATCH, "num_channels": 3}
    write_json(folder / "config.json", {
        "architectures": ["CLIPModel"], "model_type": "clip", "torch_dtype": "float16",
        "projection_dim": PROJECTION, "logit_scale_init_value": 2.6592,
        "text_config": text, "vision_config": vision})
    write_json(folder / "preprocessor_config.json", {
        "image_processor_type": "CLIPImageProcessor",
        "do_resize": True, "size": {"shortest_edge": IMAGE}, "resample": 3,
        "do_center_crop": True, "crop_size": {"height": IMAGE, "width": IMAGE},
        "do_rescale": True, "rescale_factor": 1 / 255, "do_convert_rgb": True,
        "do_normalize": True, "image_mean": list(MEAN), "image_std": list(STD)})
    write_json(folder / "tokenizer_config.json", {
        "tokenizer_class": "CLIPTokenizer", "model_max_length": CONTEXT, "do_lower_case": True,
        "bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>",
        "unk_token": "<|endoftext|>", "pad_token": "<|endoftext|>"})


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2) + "\n")


def load_folder(folder, vocab):
    model = Clip(vocab)
    tensors = load_safetensors(folder / "model.safetensors")
    model.load_state_dict({k: torch.tensor(v.astype(np.float32)) for k, v in tensors.items()})
    return model.eval()
