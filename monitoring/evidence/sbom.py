"""A software bill of materials of this installation: CycloneDX 1.6, JSON, native libraries in wheels included."""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from typing import TYPE_CHECKING, Final

from packaging.requirements import InvalidRequirement, Requirement

if TYPE_CHECKING:
    from cyclonedx.model.component import Component

OWN: Final = "rxvision25"
EXTRAS: Final = ("train", "pipeline")


@cache
def sbom(*, extras: tuple[str, ...] = EXTRAS) -> bytes:
    """The bill of what this project and these extras of it need and is installed; made once in a process."""
    from cyclonedx.model.bom import Bom
    from cyclonedx.output import make_outputter
    from cyclonedx.schema import OutputFormat, SchemaVersion

    found = needed(OWN, extras=extras)
    components = {name: _component(one) for name, one in found.items()}
    bom = Bom(components=[one for name, one in components.items() if name != OWN])
    bom.metadata.component = components[OWN]
    bom.components.update(_native())
    for name, one in found.items():
        wanted = _names(one, extras=extras if name == OWN else ())
        bom.register_dependency(components[name], [components[key] for key in sorted(wanted) if key in components])
    return make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=1).encode() + b"\n"


def needed(root: str, *, extras: tuple[str, ...]) -> dict[str, Distribution]:
    """Every installed distribution that `root` with these extras reaches, itself included, by normalised name."""
    found: dict[str, Distribution] = {}
    waiting = [(root, extras)]
    while waiting:
        name, wanted = waiting.pop()
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue
        waiting += [(key, ()) for key in _names(found[name], extras=wanted)]
    return found


def native_libraries() -> dict[str, str]:
    """Versions of native libraries inside wheels that say them: libheif, libde265, OpenSSL."""
    import ssl

    from cryptography.hazmat.backends.openssl.backend import backend

    from bentos.runtime.heif import heif_libraries

    spoken = {"openssl (cryptography)": backend.openssl_version_text(), "openssl (python)": ssl.OPENSSL_VERSION}
    versions = {name: _version(text) for name, text in spoken.items()}
    return {**heif_libraries(), **{name: version for name, version in versions.items() if version}}


def _native() -> "Iterator[Component]":
    from cyclonedx.model.component import Component, ComponentType

    for name, version in sorted(native_libraries().items()):
        yield Component(name=name, version=version, type=ComponentType.LIBRARY, bom_ref=f"native/{name}")


def _component(one: Distribution) -> "Component":
    from cyclonedx.factory.license import LicenseFactory
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    name = _normal(one.metadata["Name"])
    licences = _licences(one)
    return Component(
        name=name,
        version=one.version,
        type=ComponentType.APPLICATION if name == OWN else ComponentType.LIBRARY,
        purl=PackageURL("pypi", name=name, version=one.version),
        bom_ref=f"{name}=={one.version}",
        licenses=[LicenseFactory().make_from_string(licences)] if licences else (),
    )


def _licences(one: Distribution) -> str | None:
    """The licence as the distribution says it: an SPDX expression, a short name, or the classifiers' words."""
    for field in ("License-Expression", "License"):
        text = one.metadata.get(field)
        if text and len(text) < 80 and "\n" not in text and text != "UNKNOWN":
            return text
    classified = [text.split("::")[-1].strip() for text in one.metadata.get_all("Classifier") or ()
                  if text.startswith("License ::")]  # fmt: skip
    return " / ".join(classified) or None


def _names(one: Distribution, *, extras: Iterable[str]) -> set[str]:
    return {_normal(requirement.name) for requirement in _requirements(one) if _applies(requirement, extras=extras)}


def _requirements(one: Distribution) -> Iterator[Requirement]:
    for line in one.requires or ():
        try:
            yield Requirement(line)
        except InvalidRequirement:
            continue


def _applies(requirement: Requirement, *, extras: Iterable[str]) -> bool:
    if requirement.marker is None:
        return True
    return any(requirement.marker.evaluate({"extra": extra}) for extra in ("", *extras))


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _version(text: str) -> str | None:
    found = re.search(r"\d+(?:\.\d+)+\w*", text)
    return found and found.group()


def installed() -> dict[str, str]:
    """Version of every installed distribution by normalised name."""
    return {_normal(one.metadata["Name"]): one.version for one in distributions()}
