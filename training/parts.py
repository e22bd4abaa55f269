"""The gradient of one batch, computed in parts: one thread per core, each with batch statistics of its own.

torch's own threads wait for one another inside every operator, which on small networks and busy cores costs
more than it gains; here the threads meet once per step. Shapes: B crops, D embedding.
"""

import copy
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import nn

from training.backbones import Encoder
from training.losses import CosinePrototypes


@dataclass(frozen=True)
class PartResult:
    """Mean loss over a part, right answers in it, its size, and its gradients."""

    loss: float
    num_right: int
    num: int
    gradients: tuple[torch.Tensor, ...]


class Parts:
    """Forward and backward over a batch cut into `num` parts; the average gradient lands in `.grad`.

    The parts share parameters. Only the first one's running statistics are kept. Results repeat exactly, as
    long as the network draws no random numbers (`drop_path` 0): the parts would share a generator.
    """

    def __init__(self, encoder: Encoder, prototypes: CosinePrototypes, *, num: int) -> None:
        self._encoders = [encoder, *(_twin(encoder) for _ in range(num - 1))]
        self._prototypes = prototypes
        self._parameters = [p for p in [*encoder.parameters(), *prototypes.parameters()] if p.requires_grad]
        self._pool = ThreadPoolExecutor(num, initializer=torch.set_num_threads, initargs=(1,)) if num > 1 else None

    def backward(self, image_BCHW: torch.Tensor, label_B: torch.Tensor, *, margin_share: float) -> PartResult:
        """Sets the gradients of encoder and prototypes; returns the whole batch's figures."""
        num = len(self._encoders)
        images, labels = image_BCHW.chunk(num), label_B.chunk(num)
        arguments = (self._encoders[: len(images)], images, labels, [margin_share] * num)
        results = list(self._pool.map(self._part, *arguments) if self._pool else map(self._part, *arguments))
        shares = [result.num / len(label_B) for result in results]
        gradients = zip(*(result.gradients for result in results), strict=True)
        averaged = tuple(_weighted(of_one, shares) for of_one in gradients)
        for parameter, gradient in zip(self._parameters, averaged, strict=True):
            parameter.grad = gradient
        loss = sum(result.loss * share for result, share in zip(results, shares, strict=True))
        return PartResult(loss, sum(result.num_right for result in results), len(label_B), averaged)

    def close(self) -> None:
        """End the threads."""
        if self._pool:
            self._pool.shutdown()

    def _part(
        self, encoder: Encoder, image_BCHW: torch.Tensor, label_B: torch.Tensor, margin_share: float
    ) -> PartResult:
        image_BCHW = image_BCHW.contiguous(memory_format=torch.channels_last)
        with torch.autocast(image_BCHW.device.type, torch.bfloat16, enabled=image_BCHW.is_cuda):
            embedding_BD = encoder(image_BCHW)
        loss, num_right = self._prototypes(embedding_BD.float(), label_B, margin_share=margin_share)
        gradients = torch.autograd.grad(loss, self._parameters)
        return PartResult(loss.item(), int(num_right), len(label_B), gradients)


def _twin(encoder: Encoder) -> Encoder:
    """A copy with the same parameters and buffers of its own."""
    shared = {id(parameter): parameter for parameter in encoder.parameters()}
    return copy.deepcopy(encoder, memo=dict[int, nn.Parameter](shared))


def _weighted(tensors: tuple[torch.Tensor, ...], shares: list[float]) -> torch.Tensor:
    if len(tensors) == 1:
        return tensors[0]
    return torch.stack([tensor * share for tensor, share in zip(tensors, shares, strict=True)]).sum(dim=0)
