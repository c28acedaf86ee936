"""The Helm chart: one for all languages, as each of them needs it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from alcove.prep.ports import Port
from alcove.prep.templates import fill_template

_FILES = {
    ".helmignore": "helmignore",
    "values.yaml": "values.yaml",
    "templates/NOTES.txt": "templates/NOTES.txt",
    "templates/_helpers.tpl": "templates/_helpers.tpl",
    "templates/deployment.yaml": "templates/deployment.yaml",
    "templates/ingress.yaml": "templates/ingress.yaml",
    "templates/secrets.yaml": "templates/secrets.yaml",
    "templates/service.yaml": "templates/service.yaml",
    # The last: a chart is one as soon as it has this, and is then left alone.
    "Chart.yaml": "Chart.yaml",
}


@dataclass(frozen=True, slots=True)
class Chart:
    """What differs from chart to chart."""

    name: str
    port: Port
    ingress: bool
    variables: tuple[tuple[str, str], ...]
    """Environment that says where to listen, beside PORT; ``%`` stands for the port."""
    ours: bool
    """The image is one of ours: its process is not root."""


def render_chart(chart: Chart) -> Iterator[tuple[str, str]]:
    """Yield the chart's files, by their paths in it, in the order in which they are written."""
    variables = [f"- name: {name}\n          value: {_with_port(value)}" for name, value in chart.variables]
    values = {
        "name": chart.name,
        "port": str(chart.port.number),
        "ingress": "true" if chart.ingress else "false",
        "variables": "\n".join(f"        {each}" for each in variables),
        "pod_security": _POD_SECURITY_LOW if chart.ours and chart.port.is_privileged else _POD_SECURITY,
        "security": _SECURITY if chart.ours else _SECURITY_OPEN,
    }
    for path, template in _FILES.items():
        yield path, fill_template(f"chart/{template}", values)


def _with_port(value: str) -> str:
    port = "{{ .Values.containerPort }}"
    return "{{ .Values.containerPort | quote }}" if value == "%" else f'"{value}"'.replace("%", port)


_POD_SECURITY = "podSecurityContext: {}"
_POD_SECURITY_LOW = """\
# A port below 1024 is open to everybody in this pod.
podSecurityContext:
  sysctls:
  - name: net.ipv4.ip_unprivileged_port_start
    value: "0\""""
_SECURITY = """\
# The process is nobody special, as USER in the Dockerfiles says.
securityContext:
  allowPrivilegeEscalation: false
  runAsNonRoot: true
  capabilities:
    drop: [ALL]
  seccompProfile:
    type: RuntimeDefault"""
_SECURITY_OPEN = """\
securityContext:
  allowPrivilegeEscalation: false
  seccompProfile:
    type: RuntimeDefault"""
