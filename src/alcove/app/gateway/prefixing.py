"""An Ingress with a space's prefix before each of its hosts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from alcove.admission.markers import Object, annotations_of, mapping
from alcove.app.gateway import naming
from alcove.app.observation.reports import Complain, read_objects, text
from alcove.model import RouteKey
from alcove.spaces.hosts import is_host, render_host

COPY_LABEL = "alcove.dev/ingress-copy"

_ACME = "/.well-known/acme-challenge"
_OURS = "alcove.dev/"
_NOT_COPIED = ("kubectl.kubernetes.io/", "meta.helm.sh/", "argocd.argoproj.io/", _OURS)
"""What says who manages the original, which nobody but us does with the copy."""
_ISSUING = ("cert-manager.io/issuer", "cert-manager.io/cluster-issuer", "kubernetes.io/tls-acme")
_HOSTS = (
    "appgw.ingress.kubernetes.io/backend-hostname",
    "cert-manager.io/common-name",
    "external-dns.alpha.kubernetes.io/hostname",
    "nginx.ingress.kubernetes.io/server-alias",
    "nginx.ingress.kubernetes.io/upstream-vhost",
)
"""Annotations that are hosts, several with commas: also of those that are told to the Services."""


class UnfitError(ValueError):
    """Why an Ingress has no copy."""


def prefix_spec(original: Object, space: str, claimed: Mapping[str, str], complain: Complain) -> Object:
    """Give the spec with the hosts of ``space``; without rules when nothing of it is left.

    Args:
        original: The Ingress.
        space: Whose prefix.
        claimed: Hosts that an Ingress has by itself, and which.
        complain: Is told of hosts that are left out.

    Raises:
        UnfitError: a host cannot have a prefix, so there is no copy at all.
    """
    spec = dict(mapping(original, "spec"))
    rules = read_objects(spec, "rules", complain)
    if not rules:
        raise UnfitError("it has no rule, so there is no host to make copies for")
    for rule in rules:
        _fit(rule.get("host"))
    copied, dropped = [], set[str]()
    for rule in rules:
        host = text(rule.get("host"))
        name, paths = _prefixed(host, space, claimed, complain), _paths(rule, complain)
        if name and paths is not None:
            copied.append({**rule, "host": name, **paths})
        else:
            dropped.add(host)
    tls = [*_tls(original, read_objects(spec, "tls", complain), space, dropped)]
    kept = {name: value for name, value in spec.items() if name not in ("rules", "tls")}
    return {**kept, "rules": copied, **({"tls": tls} if tls else {})}


def prefix_annotations(original: Object, space: str) -> dict[str, str]:
    """Give the annotations of a copy, but those of ours."""
    found = {
        name: text(value)
        for name, value in annotations_of(original).items()
        if not name.startswith(_NOT_COPIED)
    }
    for name in _HOSTS:
        if name in found:
            parts = [part.strip() for part in found[name].split(",")]
            found[name] = ",".join(
                render_host(part, RouteKey(space)) if is_host(part) else part for part in parts
            )
    return found


def _fit(host: object) -> None:
    if not text(host):
        raise UnfitError("a rule without a host cannot have a prefix: it has no copies")
    if not is_host(text(host).lower()):
        raise UnfitError(f"the host {text(host)[:100]!r} cannot have a prefix: it has no copies")


def _prefixed(host: str, space: str, claimed: Mapping[str, str], complain: Complain) -> str:
    """Give the host with the prefix; empty, and complained of, where there must be none."""
    try:
        name = render_host(host.lower(), RouteKey(space))
    except ValueError:
        complain(
            f"with the prefix of {space} the host {host!r} is longer than DNS allows: it has no copy there"
        )
        return ""
    if name in claimed:
        complain(f"{name!r} comes from the Ingress {claimed[name]}: it is not copied for {space}")
        return ""
    return name


def _paths(rule: Object, complain: Complain) -> Object | None:
    """Give the rule's paths without those that prove to an issuer who has the host; None without others."""
    http = rule.get("http")
    if not isinstance(http, dict):
        return {}
    paths = read_objects(http, "paths", complain)
    kept = [path for path in paths if not text(path.get("path")).startswith(_ACME)]
    return {"http": {**http, "paths": kept}} if kept else None


def _tls(original: Object, blocks: Sequence[Object], space: str, dropped: set[str]) -> Iterator[Object]:
    """Yield the parts of spec.tls; one all of whose hosts are left out is left out, too."""
    issued = any(name in annotations_of(original) for name in _ISSUING)
    for block in blocks:
        written = block.get("hosts")
        hosts = [*written] if isinstance(written, list) else []
        for host in hosts:
            _fit(host)
        named = [f"{space}.s.{host.lower()}" for host in hosts if host not in dropped]
        secret = text(block.get("secretName"))
        if secret and issued:
            secret = naming.name_copied_secret(secret, space)
        if named or not hosts:
            yield {
                **block,
                **({"hosts": named} if hosts else {}),
                **({"secretName": secret} if secret else {}),
            }
