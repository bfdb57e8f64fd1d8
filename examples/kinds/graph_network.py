"""Train a message-passing network on batched graphs under a TopologyMonitor: a point of a cloud is a graph.

    python examples/kinds/graph_network.py

The batch is made as PyTorch Geometric makes it (``x``, ``edge_index``, ``batch``, ``ptr``, ``num_graphs``), by hand.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor, nn
from torch.utils.data import DataLoader

from topocallback import TopologyMonitor
from topocallback.findings.report import write_report

Graph = tuple[Tensor, Tensor, int]
"""(nodes, 4) features, (2, edges) which node sends to which, and what kind of graph it is."""


@dataclass
class GraphBatch:
    """Several graphs as one: node after node, with the edges' ends counted through."""

    x: Tensor
    edge_index: Tensor
    batch: Tensor
    ptr: Tensor
    y: Tensor

    @property
    def num_graphs(self) -> int:
        """How many graphs there are."""
        return len(self.y)


def collate(graphs: list[Graph]) -> GraphBatch:
    """Put graphs into one batch."""
    counts = torch.tensor([len(x) for x, _, _ in graphs])
    ptr = torch.cat([torch.zeros(1, dtype=torch.long), counts.cumsum(0)])
    return GraphBatch(
        torch.cat([x for x, _, _ in graphs]),
        torch.cat([edges + start for (_, edges, _), start in zip(graphs, ptr, strict=False)], dim=1),
        torch.repeat_interleave(torch.arange(len(graphs)), counts),
        ptr,
        torch.tensor([kind for _, _, kind in graphs]),
    )


def make_graphs(count: int, seed: int = 0) -> list[Graph]:
    """Rings, stars and rings with a hub, of 4 to 12 nodes whose features are noise: the edges alone tell them apart."""
    generator = torch.Generator().manual_seed(seed)
    graphs = []
    for i in range(count):
        n, kind = int(torch.randint(4, 13, (1,), generator=generator)), i % 3
        others = torch.arange(1, n)
        star = torch.stack([torch.zeros_like(others), others])
        ring = torch.stack([others, others.roll(1)])
        edges = (ring, star, torch.cat([ring, star], dim=1))[kind]
        graphs.append((torch.randn(n, 4, generator=generator), torch.cat([edges, edges.flip(0)], dim=1), kind))
    return graphs


class GraphConvolution(nn.Module):
    """Each node adds up its neighbours and itself, and goes through two linear layers (Xu et al. 2019)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        """(nodes, width) to (nodes, width)."""
        sender, receiver = edge_index
        return x + torch.relu(self.mlp(x.index_add(0, receiver, x[sender])))


class GraphNet(pl.LightningModule):
    """Three graph convolutions, the mean of a graph's nodes, a head."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.embed = nn.Linear(4, width)
        self.blocks = nn.ModuleList(GraphConvolution(width) for _ in range(3))
        self.head = nn.Linear(width, 3)

    def forward(self, graphs: GraphBatch) -> Tensor:
        """A batch of graphs to (graphs, 3) logits."""
        x = self.embed(graphs.x)
        for block in self.blocks:
            x = block(x, graphs.edge_index)
        sums = x.new_zeros(graphs.num_graphs, x.shape[1]).index_add(0, graphs.batch, x)
        logits: Tensor = self.head(sums / graphs.ptr.diff()[:, None])
        return logits

    def training_step(self, batch: GraphBatch, batch_idx: int) -> Tensor:
        """The loss of one batch."""
        return nn.functional.cross_entropy(self(batch), batch.y)

    def validation_step(self, batch: GraphBatch, batch_idx: int) -> None:
        """The accuracy of one batch."""
        accuracy = (self(batch).argmax(1) == batch.y).float().mean()
        self.log("val_accuracy", accuracy, batch_size=batch.num_graphs)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam at a constant rate."""
        return torch.optim.Adam(self.parameters(), lr=3e-3)


def graph_loader(count: int, seed: int, *, shuffle: bool = False) -> DataLoader[Any]:
    """Batches of 32 graphs."""
    return DataLoader(make_graphs(count, seed), 32, shuffle, collate_fn=collate)  # type: ignore[arg-type]


def main(epochs: int = 10, graphs: int = 900, out: str = "runs") -> TopologyMonitor:
    """Train, and say what was seen."""
    pl.seed_everything(0, verbose=False)
    monitor = TopologyMonitor(n_samples=256, measures=("sliced_wasserstein", "cka", "knn_accuracy"))
    trainer = pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        callbacks=[monitor],
        logger=TensorBoardLogger(out, name="graph_network"),
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=-1,  # all of the validation data: the first snapshot is that of the untrained network
    )
    trainer.fit(GraphNet(), graph_loader(graphs, 0, shuffle=True), graph_loader(graphs // 3, 1))
    first, last = monitor.history[0], monitor.history[-1]
    print(f"Validation accuracy {float(trainer.callback_metrics['val_accuracy']):.2f}.")
    print(f"Layers, one point per graph: {', '.join(last.layers)}.")
    for layer in last.layers:
        before, now = (each.statistics["knn_accuracy"].values[each.layers.index(layer)] for each in (first, last))
        print(f"  {layer}: nearest neighbours of one class {before:.2f} before training, now {now:.2f}")
    folder = Path(trainer.log_dir or out)
    print(f"Report: {write_report(folder, folder / 'report.html')}")
    return monitor


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--graphs", type=int, default=900, help="graphs to train on")
    parser.add_argument("--out", default="runs", help="folder for the logs")
    main(**vars(parser.parse_args()))
