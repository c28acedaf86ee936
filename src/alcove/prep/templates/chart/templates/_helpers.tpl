{{- define "@{name}.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "@{name}.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "@{name}.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "@{name}.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "@{name}.selectors" -}}
app: {{ include "@{name}.name" . }}
release: {{ .Release.Name | quote }}
{{- end -}}

{{- define "@{name}.labels" -}}
{{ include "@{name}.selectors" . }}
chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
draft: {{ default "draft-app" .Values.draft }}
heritage: {{ .Release.Service }}
{{- end -}}

{{/* The name of the Secret for a part of .Values.secrets; takes the list of the context and the part's name. */}}
{{- define "@{name}.secret" -}}
{{- printf "%s-%s" (include "@{name}.fullname" (index . 0)) (index . 1 | lower | replace "_" "-") -}}
{{- end -}}

{{/* A secret's value as text: a whole number has no decimals and no exponent. */}}
{{- define "@{name}.text" -}}
{{- if and (kindIs "float64" .) (eq (float64 (int64 .)) .) -}}{{ int64 . }}{{- else -}}{{ toString . }}{{- end -}}
{{- end -}}
