"""How pods of this cluster look names up: as this pod does."""

from __future__ import annotations

from collections.abc import Iterable

from alcove.admission.settings import ClusterDns

_MARK = ".svc."


def parse_resolver(text: str, namespace: str) -> ClusterDns:
    """Read a pod's ``resolv.conf``, of a pod in ``namespace`` with the policy ClusterFirst.

    A file that is not of that shape gives a ``ClusterDns`` without servers: then pods keep what they have.
    """
    lines = [line.split() for line in text.splitlines()]
    searches = next((words[1:] for words in reversed(lines) if words[:1] == ["search"]), [])
    first, sign, domain = searches[0].partition(_MARK) if searches else ("", "", "")
    if not sign or first != namespace:
        return ClusterDns()
    own = (f"{namespace}.svc.{domain}", f"svc.{domain}", domain)
    servers = _once(words[1] for words in lines if words[:1] == ["nameserver"] and len(words) > 1)
    return ClusterDns(servers, domain, tuple(name for name in searches if name not in own))


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
