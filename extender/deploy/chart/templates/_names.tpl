{{/* What objects are called. */}}
{{- define "bayplan.name" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains "bayplan" .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-bayplan" .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* By what Pods are found. */}}
{{- define "bayplan.selector" -}}
app.kubernetes.io/name: bayplan
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "bayplan.labels" -}}
{{ include "bayplan.selector" . }}
app.kubernetes.io/part-of: bayplan
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* The name under which the Service is called, and that certificates are for. */}}
{{- define "bayplan.host" -}}
{{ include "bayplan.name" . }}.{{ .Release.Namespace }}.svc
{{- end -}}

{{/* The one account that all roles are bound to. */}}
{{- define "bayplan.subjects" -}}
subjects:
- {kind: ServiceAccount, name: {{ include "bayplan.name" . }}, namespace: {{ .Release.Namespace }}}
{{- end -}}
