"""Keys and certificates of a control plane, made anew each time by trustme.

Kubernetes reads a client's name from the certificate's common name and its group from the
organisation (Kubernetes documentation, "Authenticating", X509 client certificates).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import trustme


@dataclass(frozen=True, slots=True)
class Certificates:
    """A certificate authority, and what it issued, as files in a folder."""

    folder: Path
    authority: trustme.CA

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    def certificate(self, name: str) -> Path:
        return self.folder / f"{name}.pem"

    def key(self, name: str) -> Path:
        return self.folder / f"{name}.key"

    def issue(self, name: str, *identities: str, user: str = "", group: str = "",
              not_before: datetime | None = None, not_after: datetime | None = None,
              ) -> None:  # fmt: skip
        """Write a certificate and its key: a server's, a client's, or that of a signer."""
        names = identities or (f"{name}.test",)  # Go refuses a certificate that has none
        issued = self.authority.issue_cert(
            *names, common_name=user or name, organization_name=group or None,
            not_before=not_before, not_after=not_after,
        )  # fmt: skip
        issued.cert_chain_pems[0].write_to_path(self.certificate(name))
        issued.private_key_pem.write_to_path(self.key(name))
        self.key(name).chmod(0o600)

    def kubeconfig(self, name: str, server: str) -> Path:
        """Write how a client that has a certificate reaches a server, and return the file."""
        user = {
            "client-certificate": str(self.certificate(name)),
            "client-key": str(self.key(name)),
        }
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": "e2e",
                    "cluster": {"server": server, "certificate-authority": str(self.ca)},
                }
            ],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": "e2e", "context": {"cluster": "e2e", "user": name}}],
            "current-context": "e2e",
        }
        path = self.folder / f"{name}.kubeconfig"
        path.write_text(json.dumps(config, indent=1), encoding="utf-8")  # YAML has JSON in it
        return path


def make(folder: Path) -> Certificates:
    """Make an authority in a new folder."""
    import trustme  # the plain tests run without it

    folder.mkdir(mode=0o700)
    made = Certificates(folder, trustme.CA())
    made.authority.cert_pem.write_to_path(made.ca)
    return made
