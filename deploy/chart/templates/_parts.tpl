{{- define "alcove.check" -}}
{{- if ne .Release.Namespace "azds" -}}
{{- fail "Alcove is installed into its own namespace: helm install alcove ... --namespace azds --create-namespace" -}}
{{- end -}}
{{- end -}}

{{- define "alcove.labels" -}}
app.kubernetes.io/managed-by: alcove
app.kubernetes.io/name: alcove
app.kubernetes.io/component: {{ . }}
{{- end -}}

{{- define "alcove.selector" -}}
app.kubernetes.io/name: alcove
app.kubernetes.io/component: {{ . }}
{{- end -}}

{{- define "alcove.tag" -}}
{{ .Chart.AppVersion | replace "+" "-" }}
{{- end -}}

{{- define "alcove.deployment" -}}
replicas: {{ .pods.replicas }}
revisionHistoryLimit: 3
selector:
  matchLabels: {{- include "alcove.selector" .component | nindent 4 }}
strategy:
  type: RollingUpdate
  rollingUpdate: {maxSurge: 1, maxUnavailable: 0}
{{- end -}}

{{- define "alcove.pod" -}}
serviceAccountName: alcove-{{ .component }}
automountServiceAccountToken: {{ .account }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile: {type: RuntimeDefault}
nodeSelector:
  kubernetes.io/os: linux
  {{- with .pods.nodeSelector }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .pods.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
topologySpreadConstraints:
  {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "alcove.selector" $.component | nindent 8 }}
  {{- end }}
terminationGracePeriodSeconds: 30
{{- end -}}

{{- define "alcove.confined" -}}
allowPrivilegeEscalation: false
capabilities: {drop: [ALL]}
privileged: false
readOnlyRootFilesystem: true
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "alcove.proxy" -}}
image: {{ printf "%s/proxy:%s" .root.Values.imageRegistry (include "alcove.tag" .root) | quote }}
imagePullPolicy: {{ .root.Values.imagePullPolicy }}
env:
  - name: ALCOVE_POD_IP
    valueFrom: {fieldRef: {apiVersion: v1, fieldPath: status.podIP}}
  - name: ALCOVE_HOST_IP
    valueFrom: {fieldRef: {apiVersion: v1, fieldPath: status.hostIP}}
  - name: ALCOVE_POD_NAME
    valueFrom: {fieldRef: {apiVersion: v1, fieldPath: metadata.name}}
  - name: ALCOVE_POD_UID
    valueFrom: {fieldRef: {apiVersion: v1, fieldPath: metadata.uid}}
  - name: ALCOVE_SPACE
    valueFrom: {fieldRef: {apiVersion: v1, fieldPath: metadata.namespace}}
  {{- range $name, $key := .told }}
  - name: {{ $name }}
    valueFrom: {configMapKeyRef: {name: alcove-gateway, key: {{ $key }}}}
  {{- end }}
securityContext: {{- include "alcove.confined" . | nindent 2 }}
{{- end -}}

{{- define "alcove.fetching" -}}
- --token
- /var/run/secrets/alcove/token/token
- --identity
- /var/run/secrets/alcove/identity/pod
- --socket
- /var/run/secrets/alcove/identity/pod/exchange.sock
- --fetch
- /identity/certificate=certificate.json
- --fetch
- /identity/trust=trust.json
{{- end -}}

{{- define "alcove.envoy" -}}
- --
- /opt/alcove/bin/envoy
- --config-yaml
- $({{ . }})
- --concurrency
- "2"
- --disable-hot-restart
- --log-level
- warning
- --drain-time-s
- "604800"
- --service-node
- $(ALCOVE_POD_UID)/$(ALCOVE_SPACE)/$(ALCOVE_POD_NAME)
{{- end -}}

{{- define "alcove.identity" -}}
- {name: alcove-token, mountPath: /var/run/secrets/alcove/token, readOnly: true}
- {name: alcove-identity, mountPath: /var/run/secrets/alcove/identity}
{{- end -}}
