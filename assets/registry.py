"""The MLflow model registry as the line uses it: recogniser versions, and the aliases that follow the release."""

from pathlib import Path
from typing import Any

import dagster as dg

from bentos.release import ROLES, ReleaseSpec

CANDIDATE = "candidate"
ALIASES = (*ROLES, CANDIDATE)
DIGEST_TAG = "recogniser"


class Registry(dg.ConfigurableResource):
    """Versions of one registered model; a version is a recogniser directory, found by its digest."""

    tracking_uri: str
    model: str = "rxvision-recogniser"

    def register(self, directory: Path, *, digest: str, run_id: str) -> str:
        """Log the directory under an MLflow run and make it a version; one that is known keeps its number."""
        if (known := self.version_of(digest)) is not None:
            return known
        client = self._client()
        client.log_artifacts(run_id, str(directory), artifact_path="recogniser")
        if not client.search_registered_models(f"name = '{self.model}'"):
            client.create_registered_model(self.model, description="Recognisers: members, fusion, router, thresholds.")
        source = f"{client.get_run(run_id).info.artifact_uri}/recogniser"
        tags = {DIGEST_TAG: digest, "directory": directory.name}
        return str(client.create_model_version(self.model, source=source, run_id=run_id, tags=tags).version)

    def version_of(self, digest: str) -> str | None:
        """The version of a recogniser digest, None where it was never registered."""
        found = [v for v in self._versions() if v.tags.get(DIGEST_TAG) == digest]
        return str(found[0].version) if found else None

    def digest_of(self, version: str) -> str | None:
        """The recogniser digest of a version, None where there is no such version."""
        found = [v for v in self._versions() if str(v.version) == version]
        return found[0].tags.get(DIGEST_TAG) if found else None

    def tag(self, version: str, **tags: str) -> None:
        """Write facts (gates passed, verdict) onto a version."""
        for name, value in tags.items():
            self._client().set_model_version_tag(self.model, version, name, value)

    def aliases(self) -> dict[str, str]:
        """Alias to version, of those that are set."""
        return {name: str(version) for name, version in self._registered().items() if name in ALIASES}

    def follow(self, **versions: str | None) -> None:
        """Set the aliases given to their versions and remove those given as None."""
        client, present = self._client(), self.aliases()
        for alias, version in versions.items():
            if version is not None:
                client.set_registered_model_alias(self.model, alias, version)
            elif alias in present:
                client.delete_registered_model_alias(self.model, alias)

    def follow_release(self, release: ReleaseSpec) -> None:
        """Make the aliases say what the release says; a candidate that became champion is one no longer."""
        named = release.named()
        versions = {role: named[role].version if role in named else None for role in ROLES}
        self.follow(**versions)
        if self.aliases().get(CANDIDATE) == release.champion.version:
            self.follow(**{CANDIDATE: None})

    def download(self, alias: str, *, into: Path) -> Path:
        """Fetch the recogniser directory of an alias from the artefact store."""
        from mlflow.artifacts import download_artifacts

        address = f"models:/{self.model}@{alias}"
        return Path(download_artifacts(address, dst_path=str(into), tracking_uri=self.tracking_uri))

    def _registered(self) -> dict[str, Any]:
        found = self._client().search_registered_models(f"name = '{self.model}'")
        return dict(found[0].aliases) if found else {}

    def _versions(self) -> list[Any]:
        return list(self._client().search_model_versions(f"name = '{self.model}'"))

    def _client(self) -> Any:
        from mlflow import MlflowClient

        return MlflowClient(tracking_uri=self.tracking_uri, registry_uri=self.tracking_uri)
