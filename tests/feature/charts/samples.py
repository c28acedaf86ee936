"""Charts of the shapes that projects have."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

TAG = "s0123456789abcdef01234567-1"

V2 = "apiVersion: v2\nname: web\nversion: 0.1.0\n"
V1 = "apiVersion: v1\nname: web\nversion: 0.1.0\n"

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {revision: "{{ .Release.Revision }}", upgrade: "{{ .Release.IsUpgrade }}"}}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "web:{{ .Values.image.tag }}", ports: [{name: http, containerPort: 80}]}
"""
SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{name: http, port: 8080, targetPort: http}]
"""
VALUES = "replicas: 1\nimage: {tag: stable, pullPolicy: Always}\n"

MODERN = {
    "Chart.yaml": V2,
    "values.yaml": VALUES,
    "templates/deployment.yaml": DEPLOYMENT,
    "templates/service.yaml": SERVICE,
    "templates/NOTES.txt": "{{ .Release.Name }} is there",
    "templates/_names.tpl": '{{ define "web.name" }}web{{ end }}',
}

OLD = {
    "Chart.yaml": V1,
    "values.yaml": VALUES + "ingress: {enabled: true, hosts: [web.example.com]}\n",
    "templates/deployment.yaml": """
apiVersion: apps/v1beta2
kind: Deployment
metadata:
  name: web
  labels: {app: web, draft: draft-app, chart: "{{ .Chart.Name }}-{{ .Chart.Version }}"}
spec:
  revisionHistoryLimit: 0
  replicas: {{ .Values.replicas }}
  template:
    metadata:
      labels: {app: web, draft: draft-app, chart: "{{ .Chart.Name }}-{{ .Chart.Version }}"}
      annotations: {buildID: "{{ .Values.buildID }}", template: "{{ "{{ .Values.kept }}" }}"}
    spec:
      containers:
      - {name: web, image: "web:{{ .Values.image.tag }}", ports: [{name: http, containerPort: 80}]}
""",
    "templates/service.yaml": SERVICE,
    "templates/ingress.yaml": """
{{- if .Values.ingress.enabled }}
apiVersion: extensions/v1beta1
kind: Ingress
metadata:
  name: web
  annotations: {kubernetes.io/ingress.class: traefik-azds}
spec:
  rules:
  {{- range .Values.ingress.hosts }}
  - host: {{ . }}
    http: {paths: [{path: /, backend: {serviceName: web, servicePort: http}}]}
  {{- end }}
{{- end }}
""",
    "templates/secrets.yaml": """
{{- range $name, $keys := .Values.secrets }}
apiVersion: v1
kind: Secret
metadata: {name: "web-{{ $name }}"}
data: {{ toJson $keys }}
---
{{- end }}
""",
    "templates/NOTES.txt": 'found at {{ index .Values.ingress.hosts 0 }}, {{ "{{" }}',
}

PARENT = {
    **MODERN,
    "Chart.yaml": V1,
    "requirements.yaml": """
dependencies:
- {name: db, version: 0.1.0, repository: "https://charts.example.com", condition: db.enabled}
- {name: cache, version: 0.1.0, repository: "https://charts.example.com", condition: cache.enabled}
""",
    "values.yaml": VALUES + "db: {size: 3}\ncache: {enabled: false}\n",
    "charts/db/Chart.yaml": "apiVersion: v1\nname: db\nversion: 0.1.0\n",
    "charts/db/values.yaml": "size: 1\n",
    "charts/db/templates/db.yaml": """
apiVersion: policy/v1beta1
kind: PodDisruptionBudget
metadata: {name: db, labels: {size: "{{ .Values.size }}"}}
spec: {minAvailable: 1, selector: {matchLabels: {app: db}}}
""",
    "charts/db/templates/NOTES.txt": "not shown",
    "charts/cache/Chart.yaml": "apiVersion: v1\nname: cache\nversion: 0.1.0\n",
    "charts/cache/templates/cache.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cache}\n",
}

HOOKED = {
    **MODERN,
    "templates/hook.yaml": """
apiVersion: v1
kind: ConfigMap
metadata:
  name: before
  annotations: {helm.sh/hook: "pre-install,pre-upgrade", helm.sh/hook-delete-policy: before-hook-creation}
data: {revision: "{{ .Release.Revision }}"}
""",
    "templates/old.yaml": """
apiVersion: autoscaling/v2beta1
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  maxReplicas: 3
  scaleTargetRef: {apiVersion: extensions/v1beta1, kind: Deployment, name: web}
  metrics: [{type: Resource, resource: {name: cpu, targetAverageUtilization: 80}}]
""",
}

WAITING = {
    **MODERN,
    "templates/hook.yaml": """
apiVersion: batch/v1
kind: Job
metadata: {name: before, annotations: {helm.sh/hook: "pre-install,pre-upgrade"}}
spec:
  template:
    spec: {restartPolicy: Never, containers: [{name: before, image: "busybox:1.36"}]}
""",
}

DEFINING = {
    **MODERN,
    "crds/gadgets.yaml": """
apiVersion: apiextensions.k8s.io/v1beta1
kind: CustomResourceDefinition
metadata: {name: gadgets.example.com}
spec:
  group: example.com
  version: v1
  scope: Namespaced
  names: {plural: gadgets, singular: gadget, kind: Gadget}
""",
}


def write_chart(directory: Path, files: Mapping[str, str]) -> Path:
    """Write a chart's files and give its path."""
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return directory
