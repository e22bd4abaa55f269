"""Pre-trained weights as a file: half precision, with the averaged network, the attribute heads and its recipe."""

from pathlib import Path

from training.backbones import Encoder, save_encoder
from training.pretrain.config import PretrainConfig
from training.pretrain.objective import AttributeHeads, SideBank


def save_pretrained(
    encoder: Encoder, heads: AttributeHeads, path: Path, *, config: PretrainConfig, bank: SideBank
) -> None:
    """Write the weights in half precision, in the form that `training.backbones` reads."""
    save_encoder(encoder, path, recipe=config.recipe, prototypes_CD=bank.bank_ND[:256], half=True, heads=heads)
