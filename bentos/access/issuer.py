"""The development issuer: a key of this home's own, and tokens signed with it, so that local use is one step.

Who can read `keys/issuer.key` can be anybody; a deployment has an identity provider instead.
"""

import json
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import jwt
from jwt.algorithms import OKPAlgorithm

from bentos.access.api_keys import ACCESS_DIR
from bentos.access.table import Role
from bentos.signing import key_id, signing_key

LOCAL_ISSUER: Final = "urn:rxvision:local"
LOCAL_AUDIENCE: Final = "rxvision"
ACCESS_TOKEN: Final = "at+jwt"
_PRIVATE: Final = "issuer.key"
_PUBLIC: Final = "issuer.pub"


class LocalIssuer:
    """Makes its key and key set where they are missing."""

    def __init__(self, home: Path, *, keys_dir: Path) -> None:
        """The key lies beside the others; the key set, which is public, below `access/`."""
        self._key = signing_key(keys_dir, private=_PRIVATE, public=_PUBLIC)
        self.jwks_path = home / ACCESS_DIR / "jwks.json"
        self._key_id = key_id(self._key.public_key())
        held = self.jwks_path.read_text() if self.jwks_path.is_file() else ""
        if held != (wanted := json.dumps(self._jwks(), indent=1) + "\n"):
            self.jwks_path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            draft = self.jwks_path.with_name(f".{uuid.uuid4()}")
            draft.write_text(wanted)
            draft.replace(self.jwks_path)

    def token(
        self,
        subject: str,
        *,
        roles: Sequence[Role],
        audience: str,
        lifetime: timedelta,
        now: datetime,
        acr: str | None = None,
        amr: Sequence[str] = (),
    ) -> str:
        """A signed access token (RFC 9068) of a person who has just proved who he is."""
        at = int(now.timestamp())
        claims: dict[str, Any] = {
            "iss": LOCAL_ISSUER,
            "sub": subject,
            "aud": audience,
            "client_id": "rxvision",
            "jti": str(uuid.uuid4()),
            "iat": at,
            "nbf": at,
            "auth_time": at,
            "exp": at + int(lifetime.total_seconds()),
            "roles": list(roles),
            "amr": list(amr),
        }
        if acr is not None:
            claims["acr"] = acr
        return jwt.encode(claims, self._key, "EdDSA", headers={"kid": self._key_id, "typ": ACCESS_TOKEN})

    def _jwks(self) -> dict[str, Any]:
        public = OKPAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return {"keys": [{**public, "kid": self._key_id, "alg": "EdDSA", "use": "sig"}]}
