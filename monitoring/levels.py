"""The two levels a ranking of appearances is judged at: the NDC, and the clinical drug."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from bentos.runtime.medication import Appearance, Medication


@dataclass(frozen=True)
class Truth:
    """What a photograph shows, as the gallery knows it. `medication_id` is its first row where a kit has several."""

    medication_id: str
    ndc11: str
    drug: str
    look_group: str
    appearance_ids: frozenset[str]
    imprint: tuple[str, ...]


class Levels:
    """Look-up from appearances to the labels they carry."""

    def __init__(self, appearances: Sequence[Appearance], *, medications: Mapping[str, Medication]) -> None:
        self.appearances = {appearance.appearance_id: appearance for appearance in appearances}
        self.medications = medications

    @cached_property
    def ndcs(self) -> dict[str, frozenset[str]]:
        """The NDC-11 numbers under which each appearance is sold."""
        return {
            key: frozenset(self.medications[m].ndc11 for m in a.medication_ids) for key, a in self.appearances.items()
        }

    @cached_property
    def drugs(self) -> dict[str, frozenset[str]]:
        """The clinical drugs that share each appearance."""
        return {
            key: frozenset(self.medications[m].clinical_drug for m in a.medication_ids)
            for key, a in self.appearances.items()
        }

    @cached_property
    def appearance_of(self) -> dict[str, str]:
        """The appearance of each medication."""
        return {m: key for key, appearance in self.appearances.items() for m in appearance.medication_ids}

    @cached_property
    def _by_ndc(self) -> dict[str, list[Medication]]:
        found: dict[str, list[Medication]] = {}
        for medication in sorted(self.medications.values(), key=lambda item: item.medication_id):
            if medication.medication_id in self.appearance_of:
                found.setdefault(medication.ndc11, []).append(medication)
        return found

    def truth_of_ndc(self, ndc11: str) -> Truth | None:
        """The truth for an NDC-11, any part of it; None where the gallery does not hold it."""
        parts = self._by_ndc.get(ndc11)
        return None if parts is None else self._truth(parts[0], parts=parts)

    def truth_of_medication(self, medication_id: str) -> Truth | None:
        """The truth for one medication; None where the gallery does not hold it."""
        medication = self.medications.get(medication_id)
        if medication is None or medication_id not in self.appearance_of:
            return None
        return self._truth(medication, parts=self._by_ndc[medication.ndc11])

    def _truth(self, medication: Medication, *, parts: Iterable[Medication]) -> Truth:
        return Truth(
            medication_id=medication.medication_id,
            ndc11=medication.ndc11,
            drug=medication.clinical_drug,
            look_group=self.appearances[self.appearance_of[medication.medication_id]].look_group,
            appearance_ids=frozenset(self.appearance_of[part.medication_id] for part in parts),
            imprint=tuple(token.text for token in medication.imprint),
        )
