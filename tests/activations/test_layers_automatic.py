"""The layers that are recorded where nobody names any: blocks, and what stands around them."""

import copy

import torch
import torchmetrics
from torch import nn
from torch.nn.utils import parametrizations

from topocallback.activations.layers import choose_layers


class BasicBlock(nn.Module):
    def __init__(self, width, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(width // stride, width, 3, stride, padding=1)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(width)
        self.shortcut = nn.Conv2d(width // stride, width, 1, stride) if stride > 1 else nn.Identity()

    def forward(self, x):
        out = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(out + self.shortcut(x))


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3, padding=1)
        self.stem_norm = nn.BatchNorm2d(4)
        self.stage1 = nn.Sequential(BasicBlock(4), BasicBlock(4))
        self.stage2 = nn.Sequential(BasicBlock(8, 2), BasicBlock(8))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        x = self.stage2(self.stage1(torch.relu(self.stem_norm(self.stem(x)))))
        return self.head(self.pool(x).flatten(1))


class ViTBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, 2, batch_first=True)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x):
        y = self.norm1(x)
        x = x + self.attention(y, y, y)[0]
        return x + self.mlp(self.norm2(x))


class ViT(nn.Module):
    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(1, 8, 4, 4)
        self.token = nn.Parameter(torch.zeros(1, 1, 8))
        self.blocks = nn.ModuleList([ViTBlock(8) for _ in range(3)])
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, 3)

    def forward(self, image):
        x = self.patch(image).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], dim=1)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x)[:, 0])


def names(model):
    return list(choose_layers(model))


def test_auto_takes_the_parametrised_layers_of_an_mlp():
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 8), nn.Linear(8, 2))
    assert names(model) == ["1", "4", "5"]


def test_auto_takes_stem_blocks_and_head_of_a_resnet():
    assert names(ResNet()) == ["stem", "stage1.0", "stage1.1", "stage2.0", "stage2.1", "head"]


def test_auto_takes_patches_blocks_and_head_of_a_vit():
    assert names(ViT()) == ["patch", "blocks.0", "blocks.1", "blocks.2", "head"]


def test_auto_takes_the_layers_of_a_transformer_encoder():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    assert names(nn.TransformerEncoder(layer, 3)) == ["layers.0", "layers.1", "layers.2"]
    assert names(nn.TransformerEncoder(layer, 2, norm=nn.LayerNorm(8))) == ["layers.0", "layers.1", "norm"]


def test_auto_takes_embedding_blocks_and_head_of_a_language_model():
    model = nn.ModuleDict(
        {
            "tokens": nn.Embedding(10, 8),
            "positions": nn.Embedding(16, 8),
            "encoder": nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2),
            "norm": nn.LayerNorm(8),
            "head": nn.Linear(8, 10),
        }
    )
    assert names(model) == ["tokens", "encoder.layers.0", "encoder.layers.1", "head"]


def test_auto_takes_every_leaf_with_parameters_of_a_net_without_repeated_blocks():
    model = nn.ModuleDict(
        {
            "features": nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2)),
            "rest": nn.Sequential(nn.Conv2d(4, 8, 3), nn.ReLU()),
            "memory": nn.LSTM(8, 8),
            "head": nn.Linear(8, 2),
        }
    )
    assert names(model) == ["features.0", "features.1", "rest.0", "memory", "head"]


def test_auto_takes_the_outermost_of_repeated_blocks():
    class Stage(nn.Module):
        def __init__(self):
            super().__init__()
            self.parts = nn.Sequential(BasicBlock(4), BasicBlock(4))

    assert names(nn.Sequential(nn.Conv2d(1, 4, 1), Stage(), Stage())) == ["0", "1", "2"]


def test_auto_takes_attention_as_one_layer():
    model = nn.ModuleDict({"attention": nn.MultiheadAttention(8, 2), "head": nn.Linear(8, 2)})
    assert names(model) == ["attention", "head"]
    # Two of them are no repeated blocks either, which would leave out what is between the first and the last layer.
    model = nn.Sequential(nn.Linear(8, 8), nn.MultiheadAttention(8, 2), nn.Linear(8, 8), nn.MultiheadAttention(8, 2))
    model.append(nn.Linear(8, 2))
    assert names(model) == ["0", "1", "2", "3", "4"]


def test_auto_takes_no_metrics_and_no_losses():
    def with_metrics(model):
        model.loss = nn.CrossEntropyLoss()
        for stage in ("train", "val", "test"):
            accuracy = torchmetrics.Accuracy(task="multiclass", num_classes=3)
            collection = {"accuracy": accuracy, "auroc": torchmetrics.AUROC(task="multiclass", num_classes=3)}
            setattr(model, f"{stage}_accuracy", copy.deepcopy(accuracy))
            setattr(model, f"{stage}_metrics", torchmetrics.MetricCollection(collection))
        return model

    assert names(with_metrics(ResNet())) == names(ResNet())
    without_blocks = nn.ModuleDict({"stem": nn.Linear(4, 8), "middle": nn.Linear(8, 8), "head": nn.Linear(8, 2)})
    assert names(with_metrics(without_blocks)) == ["stem", "middle", "head"]


def test_auto_takes_weight_normalised_layers_like_others():
    model = nn.Sequential(
        parametrizations.weight_norm(nn.Linear(4, 8)), nn.ReLU(), parametrizations.spectral_norm(nn.Linear(8, 2))
    )
    assert names(model) == ["0", "2"]


def test_auto_takes_a_layer_that_is_not_parametrised_beside_one_that_is():
    model = nn.Sequential(parametrizations.weight_norm(nn.Linear(4, 8)), nn.ReLU(), nn.Linear(8, 2))
    assert names(model) == ["0", "2"]
