"""Fits a network step by step; stopped, it goes on where it was and ends the same."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

SAVE_STEPS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitting:
    """How a network is fitted; ``path`` keeps it while it is, ``rate_per_step`` is the highest."""

    path: Path
    step_count: int
    rate_per_step: float = 3e-3
    decay_ratio: float = 1e-3


def fit(
    network: torch.nn.Module,
    fitting: Fitting,
    loss_of: Callable[[int], torch.Tensor],
    told: Callable[[int], None],
) -> None:
    """Take the steps that are left; ``loss_of`` gives the loss (N=1) of a step, counted from 0.

    ``told`` hears how many steps are done. The network is left ready to be asked.

    Raises:
        OSError: the path cannot be written.
    """
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=fitting.rate_per_step, weight_decay=fitting.decay_ratio
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, fitting.rate_per_step, total_steps=fitting.step_count, pct_start=0.1
    )
    parts = {"network": network, "optimizer": optimizer, "schedule": schedule}
    done = 0
    if fitting.path.exists():
        kept = torch.load(fitting.path, weights_only=True)
        for name, part in parts.items():
            part.load_state_dict(kept[name])
        done = int(kept["done"])
        told(done)
    network.train()
    for step in range(done, fitting.step_count):
        loss = loss_of(step)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        if (step + 1) % SAVE_STEPS == 0 or step + 1 == fitting.step_count:
            states = {name: part.state_dict() for name, part in parts.items()}
            torch.save({**states, "done": step + 1}, fitting.path.with_suffix(".part"))
            fitting.path.with_suffix(".part").replace(fitting.path)
        told(step + 1)
    network.eval()
