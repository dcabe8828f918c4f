"""A small encoder: factorised embeddings, pre-norm layers, pooled by attention and by maximum."""

import math

import torch
from torch import nn
import torch.nn.functional as F

SHAPE = {"vocab": 8192, "embed": 128, "width": 192, "heads": 4, "inner": 576, "layers": 3, "positions": 512}


class Drop(nn.Module):
    """Drops the same features at all places of a text; dropping each by itself costs a tenth of the training time."""

    def __init__(self, share):
        super().__init__()
        self.share = share

    def forward(self, x):
        if not self.training or self.share == 0:
            return x
        keep = 1 - self.share
        mask = torch.rand(x.shape[0], *[1] * (x.dim() - 2), x.shape[-1]) < keep
        return x * (mask.to(x.dtype) / keep)


class Layer(nn.Module):
    def __init__(self, width, heads, inner, dropout):
        super().__init__()
        self.heads, self.size = heads, width // heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, inner), nn.Linear(inner, width)
        self.dropout = Drop(dropout)

    def forward(self, x, bias):
        batch, length = x.shape[0], x.shape[1]
        split = self.qkv(self.norm1(x.float())).view(batch, length, 3, self.heads, self.size).permute(2, 0, 3, 1, 4)
        q, k, v = split[0], split[1], split[2]
        weights = torch.softmax(torch.matmul(q * self.size**-0.5, k.transpose(-1, -2)) + bias, dim=-1)
        mixed = torch.matmul(weights, v).transpose(1, 2).reshape(batch, length, self.heads * self.size)
        x = x + self.dropout(self.out(mixed))
        return x + self.dropout(self.down(F.gelu(self.up(self.norm2(x.float())))))


class Classifier(nn.Module):
    """input_ids and attention_mask (both [batch, sequence] of int64) to logits [batch, 2]."""

    def __init__(self, vocab, embed, width, heads, inner, layers, positions, dropout=0.1):
        super().__init__()
        self.positions = positions
        self.embed = nn.Embedding(vocab, embed)
        self.place = nn.Embedding(positions, embed)
        self.widen = nn.Linear(embed, width)
        self.layers = nn.ModuleList(Layer(width, heads, inner, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.look = nn.Linear(width, heads)
        self.join = nn.Linear(width * 2, width)
        self.last = nn.Linear(width, 2)
        # Back to the size of an embedding, to guess hidden tokens; in training only.
        self.narrow = nn.Linear(width, embed)
        self.dropout = Drop(dropout)
        self.pool_heads = heads
        # Calibration, fitted after training.
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("shift", torch.zeros(2))
        for name, weight in self.named_parameters():
            if weight.dim() > 1:
                nn.init.normal_(weight, std=0.02 if "embed" in name or "place" in name else weight.shape[1] ** -0.5)
            elif name.endswith("bias"):
                nn.init.zeros_(weight)
        for layer in self.layers:
            for part in (layer.out, layer.down):
                part.weight.data /= math.sqrt(2 * layers)
        self.embed.weight.data *= 5

    def hidden(self, input_ids, attention_mask, offset=0):
        """Last hidden states. `offset` shifts positions, so that training on short texts teaches the late ones too."""
        length = input_ids.shape[1]
        places = self.place.weight[offset : offset + length] if offset else self.place.weight[:length]
        x = self.dropout(self.widen(self.embed(input_ids) + places))
        bias = (1.0 - attention_mask.to(x.dtype))[:, None, None, :] * -1e4
        for layer in self.layers:
            x = layer(x, bias)
        return self.norm(x.float())

    def guess(self, states):
        """Logits over the vocabulary of the token at each of these places."""
        return torch.matmul(self.narrow(states), self.embed.weight.t())

    def forward(self, input_ids, attention_mask, offset=0, states=False):
        x = self.hidden(input_ids, attention_mask, offset)
        off = (1.0 - attention_mask.to(x.dtype))[:, :, None] * -1e4
        weights = torch.softmax(self.look(x) + off, dim=1)
        batch, length = x.shape[0], x.shape[1]
        heads = x.view(batch, length, self.pool_heads, -1)
        mean = (weights[..., None] * heads).sum(1).reshape(batch, -1)
        most = (x + off).max(1)[0]
        pooled = self.dropout(F.gelu(self.join(self.dropout(torch.cat([mean, most], 1)))))
        logits = self.last(pooled) * self.scale + self.shift
        return (logits, x) if states else logits


def export(model, path):
    """Writes the model as ONNX with a free number of texts and tokens."""
    model.eval()
    ids = torch.ones(2, 7, dtype=torch.int64)
    torch.onnx.export(
        model,
        (ids, torch.ones_like(ids)),
        path,
        input_names=["input_ids", "attention_mask"],
        output_names=["logits"],
        dynamic_axes={name: {0: "batch", 1: "sequence"} for name in ("input_ids", "attention_mask")}
        | {"logits": {0: "batch"}},
        opset_version=14,
        do_constant_folding=True,
    )


def hf_config(shape, name="crucible-guard-transformer"):
    """The fields of a Hugging Face config.json that a loader needs."""
    return {
        "model_type": name,
        "architectures": ["CrucibleGuardForSequenceClassification"],
        "num_labels": 2,
        "id2label": {"0": "SAFE", "1": "INJECTION"},
        "label2id": {"SAFE": 0, "INJECTION": 1},
        "max_position_embeddings": shape["positions"],
        "vocab_size": shape["vocab"],
        "embedding_size": shape["embed"],
        "hidden_size": shape["width"],
        "num_hidden_layers": shape["layers"],
        "num_attention_heads": shape["heads"],
        "intermediate_size": shape["inner"],
        "pad_token_id": 0,
    }
