"""The built-in formulary: real US oral solid medications, chosen to be hard to tell apart.

Written for this project in the plain format (data/catalogue/plain.py). Names are those of RxNorm, the words for
what a pill looks like those of the FDA's SPL lists; which side a token stands on was read from reference pictures.
"""

from pathlib import Path

from bentos.runtime.medication import Medication
from data.catalogue.plain import read_csv_catalogue

FORMULARY = Path(__file__).resolve().parent.parent / "formulary.csv"


def read_formulary() -> list[Medication]:
    """Read the built-in formulary in file order; it holds at least 64 medications."""
    return read_csv_catalogue(FORMULARY)
